import gzip
import io
import json
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import InvalidRequest
from digest.sources.base import PaperRecord, Refusal, SignalRecord
from digest.sources.files import MAX_LINE, FilesSource, Origin, read_bibtex, read_lines

NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)
ORIGIN = Origin("files", "file", NOW)
GZIPPED = gzip.compress(b"{}" * 99, mtime=0)
PAPER = {"title": "A title", "abstract": "An abstract."}


def read_all(text: str) -> list[PaperRecord | Refusal]:
    return list(read_lines(io.StringIO(text), "papers.jsonl", ORIGIN))


def read(**fields: Any) -> PaperRecord:
    (record,) = read_all(json.dumps(PAPER | fields))
    assert isinstance(record, PaperRecord), record
    return record


def refuse(**fields: Any) -> str:
    (refusal,) = read_all(json.dumps(PAPER | fields))
    assert isinstance(refusal, Refusal), refusal
    assert refusal.where == "papers.jsonl:1"
    return refusal.why


def fetch(*paths: Path) -> list[PaperRecord | Refusal]:
    return list(FilesSource(paths, now=lambda: NOW).fetch(NOW, NOW))


def read_entry(text: str) -> PaperRecord:
    (record,) = read_bibtex(text, "papers.bib", ORIGIN)
    assert isinstance(record, PaperRecord), record
    return record


class TestLines:
    def test_a_line_becomes_a_record(self) -> None:
        assert read(
            id="2604.00010v2",
            doi="https://doi.org/10.1000/ABC",
            authors=["Ada Example", "Bo Sample"],
            n_authors=9,
            published="2026-04-17",
            announced="2026-04-20",
            categories=["cs.CL", "cs.AI"],
            url="https://example.org/paper",
            signals=[["2026-04-20T09:00:00Z", "votes", 7], ["2026-04-20", "citations", 0]],
        ) == PaperRecord(
            source="files",
            title="A title",
            abstract="An abstract.",
            ids={"arxiv": "2604.00010", "doi": "10.1000/abc"},
            version=2,
            authors=("Ada Example", "Bo Sample"),
            author_count=9,
            published_on=date(2026, 4, 17),
            announced_at=datetime(2026, 4, 20, tzinfo=UTC),
            categories=("cs.CL", "cs.AI"),
            url="https://example.org/paper",
            signals=(
                SignalRecord("votes", datetime(2026, 4, 20, 9, tzinfo=UTC), 7),
                SignalRecord("citations", datetime(2026, 4, 20, tzinfo=UTC), 0),
            ),
        )

    def test_a_title_and_an_abstract_are_enough(self) -> None:
        absent = dict.fromkeys(["id", "doi", "authors", "n_authors", "published", "announced", "url", "signals"])
        assert read() == read(**absent) == PaperRecord("files", "A title", "An abstract.")

    @pytest.mark.parametrize(
        ("fields", "ids", "url"),
        [
            ({"id": "arXiv:2604.00010"}, {"arxiv": "2604.00010"}, "https://arxiv.org/abs/2604.00010"),
            ({"arxiv_id": "hep-th/9901001v1"}, {"arxiv": "hep-th/9901001"}, "https://arxiv.org/abs/hep-th/9901001"),
            ({"id": "10.1000/X"}, {"doi": "10.1000/x"}, "https://doi.org/10.1000/x"),
            ({"doi": "10.48550/arXiv.2604.00010"}, {"arxiv": "2604.00010"}, "https://arxiv.org/abs/2604.00010"),
            ({"id": "seed-1", "doi": "10.1000/x"}, {"file": "seed-1", "doi": "10.1000/x"}, "https://doi.org/10.1000/x"),
            ({"id": "2604.00010", "doi": "10.48550/arXiv.2604.00010"}, {"arxiv": "2604.00010"}, None),
            ({"id": "seed-1"}, {"file": "seed-1"}, ""),
        ],
    )
    def test_an_id_is_filed_by_what_it_is(self, fields: dict[str, str], ids: dict[str, str], url: str | None) -> None:
        record = read(**fields)
        assert record.ids == ids
        assert url is None or record.url == url

    @pytest.mark.parametrize(
        ("authors", "names"),
        [
            ("Ada Example; Bo Sample", ("Ada Example", "Bo Sample")),
            ("Ada Example and Bo Sample", ("Ada Example", "Bo Sample")),
            ("Sample, Bo; Brand and Sons", ("Sample, Bo", "Brand and Sons")),
            ("Ada  Example", ("Ada Example",)),
            (["Ada\nExample", " "], ("Ada Example",)),
        ],
    )
    def test_authors_are_a_list_or_a_text(self, authors: object, names: tuple[str, ...]) -> None:
        record = read(authors=authors)
        assert (record.authors, record.author_count) == (names, len(names))

    def test_the_count_of_authors_is_true_when_not_all_are_kept(self) -> None:
        record = read(authors=[f"Author {number}" for number in range(5_001)])
        assert (len(record.authors), record.author_count) == (5_000, 5_001)
        assert read(authors=["A", "B"], n_authors=1).author_count == 2

    def test_categories_may_be_a_text(self) -> None:
        assert read(categories=" cs.CL  cs.AI").categories == ("cs.CL", "cs.AI")

    @pytest.mark.parametrize(("published", "day"), [("2019", date(2019, 1, 1)), (2019, date(2019, 1, 1)), ("", None)])
    def test_a_year_is_a_date(self, published: object, day: date | None) -> None:
        assert read(published=published).published_on == day

    def test_a_moment_without_zone_is_utc(self) -> None:
        assert read(announced="2026-04-20T07:00").announced_at == datetime(2026, 4, 20, 7, tzinfo=UTC)
        assert read(announced="2026-04-20T07:00+02:00").announced_at == datetime(2026, 4, 20, 5, tzinfo=UTC)

    def test_today_is_not_the_future(self) -> None:
        assert read(published="2026-04-21", announced="2026-04-21").published_on == NOW.date()

    def test_text_is_made_clean(self) -> None:
        record = read(title=" A\x00 \n title\ud800", abstract="An\tabstract\u0085.")
        assert (record.title, record.abstract) == ("A title", "An abstract .")

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"title": ""}, "there is no title"),
            ({"title": None}, "there is no title"),
            ({"title": 7}, "title must be a text"),
            ({"abstract": " \x00"}, "there is no abstract"),
            ({"title": "x" * 1_001}, "title is longer than 1,000 characters"),
            ({"abstract": "x" * 50_001}, "abstract is longer than 50,000 characters"),
            ({"published": "2031"}, "published 2031-01-01 lies in the future"),
            ({"published": "2026-04-22"}, "published 2026-04-22 lies in the future"),
            ({"published": "2026-02-30"}, "published '2026-02-30' is not a date: write YYYY-MM-DD or YYYY"),
            ({"published": "soon"}, "published 'soon' is not a date: write YYYY-MM-DD or YYYY"),
            ({"published": True}, "published True is not a date: write YYYY-MM-DD or YYYY"),
            ({"announced": "2026-04-22"}, "announced 2026-04-22 lies in the future"),
            ({"announced": "0001-01-01T00:00+02:00"}, "announced '0001-01-01T00:00+02:00' is not a moment"),
            ({"announced": "soon"}, "announced 'soon' is not a moment"),
            ({"id": 2604.0001}, "id must be a text"),
            ({"arxiv_id": "2604.1"}, "arxiv_id “2604.1” is neither an arXiv id nor a DOI"),
            ({"doi": "none"}, "doi “none” is neither an arXiv id nor a DOI"),
            ({"id": "2604.00010", "arxiv_id": "2604.00011"}, "it has two arxiv ids: 2604.00010 and 2604.00011"),
            ({"url": "javascript:alert(1)"}, "url “javascript:alert(1)” must begin with https:// or http://"),
            ({"authors": 7}, "authors must be a list of names"),
            ({"authors": [{"name": "Ada"}]}, "authors must be a list of names"),
            ({"n_authors": "many"}, "n_authors must be a whole number, not 'many'"),
            ({"n_authors": True}, "n_authors must be a whole number, not True"),
            ({"categories": {"a": 1}}, "categories must be a list of names"),
            ({"signals": "votes"}, "signals must be a list"),
            ({"signals": [["2026-04-20", "votes"]]}, "a signal must be [time, kind, value]"),
            ({"signals": [["2026-04-20", "likes", 1]]}, "a signal must be [time, kind, value]"),
            ({"signals": [[None, "votes", 1]]}, "a signal of None is not a moment"),
            ({"signals": [["2026-04-20", "votes", -1]]}, "votes must be a whole number, not -1"),
            ({"signals": [["2026-04-20", "votes", 2**31]]}, "votes must be a whole number"),
            ({"signals": [["2026-04-22", "votes", 1]]}, "a signal of 2026-04-22 lies in the future"),
        ],
    )
    def test_what_is_wrong_is_told(self, fields: dict[str, object], why: str) -> None:
        assert refuse(**fields).startswith(why)

    def test_a_bad_line_is_refused_by_its_number_and_the_others_are_delivered(self) -> None:
        good = json.dumps(PAPER)
        first, *refusals, last = read_all("\n".join([good, "{}", "[]", "{'a'", "", "  ", good]))
        assert first == last == PaperRecord("files", "A title", "An abstract.")
        assert [(refusal.where, refusal.why.split(":")[0]) for refusal in refusals if isinstance(refusal, Refusal)] == [
            ("papers.jsonl:2", "there is no title"),
            ("papers.jsonl:3", "the line is not a JSON object"),
            ("papers.jsonl:4", "the line is not JSON"),
            ("papers.jsonl:5", "the line is empty"),
            ("papers.jsonl:6", "the line is empty"),
        ]

    @pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n \r\n"])
    def test_an_empty_line_at_the_end_is_the_end(self, end: str) -> None:
        assert len(read_all(json.dumps(PAPER) + end)) == 1

    def test_a_line_too_long_to_be_held_is_refused_and_the_next_is_read(self) -> None:
        long = json.dumps(PAPER | {"abstract": "x" * (2 * MAX_LINE)})
        refusal, record = read_all(f"{long}\n{json.dumps(PAPER)}")
        assert refusal == Refusal("papers.jsonl:1", "the line is longer than 4,000,000 characters")
        assert isinstance(record, PaperRecord)

    def test_deeply_nested_json_is_refused(self) -> None:
        (refusal,) = read_all("[" * 100_000)
        assert isinstance(refusal, Refusal)

    @given(st.text())
    def test_no_text_raises(self, text: str) -> None:
        assert all(isinstance(item, PaperRecord | Refusal) for item in read_all(text))

    @given(
        st.dictionaries(
            st.sampled_from(
                ["title", "id", "arxiv_id", "doi", "authors", "n_authors", "published", "announced", "url", "signals"]
            ),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
                max_leaves=5,
            ),
        )
    )
    def test_no_value_of_a_field_raises(self, fields: dict[str, object]) -> None:
        (item,) = read_all(json.dumps(PAPER | fields))
        assert isinstance(item, PaperRecord | Refusal)


class TestBibtex:
    def test_an_entry_becomes_a_record(self) -> None:
        text = r"""
            @string{place = {A Place}}
            @comment{not a paper}
            @InProceedings{key,
              Title = {The {BERT} of G{\"o}del \& Erd\H{o}s: $\alpha$-decay},
              author = {G{\"o}del, Kurt and {Brand and Sons} and van Dam, Jr, Jan and Donald~E. Knuth and others},
              abstract = "We reach 50% of the \emph{best} result
                 & cite A&B.",
              year = 2019, month = mar,
              doi = {10.1000/a\_b}, url = {\url{https://example.org/~a_b%20c}}, booktitle = place
            }"""
        assert read_entry(text) == PaperRecord(
            source="files",
            title="The BERT of Gödel & Erdős: $\\alpha$-decay",
            abstract="We reach 50% of the best result & cite A&B.",
            ids={"doi": "10.1000/a_b"},
            authors=("Kurt Gödel", "Brand and Sons", "Jan van Dam Jr", "Donald E. Knuth"),
            author_count=4,
            published_on=date(2019, 3, 1),
            url="https://example.org/~a_b%20c",
        )

    def test_an_eprint_is_an_arxiv_id(self) -> None:
        entry = "@misc{k, title={T}, abstract={A}, eprint={2604.00010v2}, %s primaryclass={cs.CL}}"
        for prefix in ("archiveprefix={arXiv},", "eprinttype={arxiv},", ""):
            record = read_entry(entry % prefix)
            assert (record.ids, record.version, record.categories) == ({"arxiv": "2604.00010"}, 2, ("cs.CL",))
        record = read_entry(entry % "archiveprefix={hal},")
        assert (record.ids, record.categories) == ({}, ())

    @pytest.mark.parametrize(
        ("fields", "day"),
        [
            ("date={2019-05-06}", date(2019, 5, 6)),
            ("date={2019-05}", date(2019, 5, 1)),
            ("date={2019/2020}", date(2019, 1, 1)),
            ("year={2019}", date(2019, 1, 1)),
            ("year={2019}, month={11}", date(2019, 11, 1)),
            ("year={2019}, month={spring}", date(2019, 1, 1)),
            ("year={forthcoming}", None),
            ("month=jan", None),
        ],
    )
    def test_a_date_is_found(self, fields: str, day: date | None) -> None:
        assert read_entry(f"@misc{{k, title={{T}}, abstract={{A}}, {fields}}}").published_on == day

    def test_a_bad_entry_is_refused_by_its_line_and_key_and_the_others_are_delivered(self) -> None:
        text = "\n".join(
            [
                "@misc{one, title={T}, abstract={A}}",
                "@misc{two, title={T}}",
                "@misc{three, title={T}, abstract={A}, year={2031}}",
                "@misc{one, title={T}, abstract={A}}",
                "@misc{four, title={T}, title={U}}",
                "@misc{five}",
                f"@misc{{six, title={{T}}, abstract={{{'{' * 3000}{'}' * 3000}}}}}",
                "@misc{seven, title={never closed",
                "@misc{eight, title={T}, abstract={A}}",
            ]
        )
        found = list(read_bibtex(text, "papers.bib", ORIGIN))
        refusals = {item.where: item.why for item in found if isinstance(item, Refusal)}
        assert refusals == {
            "papers.bib:2": "two: there is no abstract",
            "papers.bib:3": "three: published 2031-01-01 lies in the future",
            "papers.bib:4": "the entry cannot be read: Duplicate entry key 'one'",
            "papers.bib:5": refusals["papers.bib:5"],
            "papers.bib:6": "five: there is no title",
            "papers.bib:7": "six: its LaTeX cannot be read",
            "papers.bib:8": refusals["papers.bib:8"],
        }
        assert refusals["papers.bib:5"].startswith("the entry cannot be read: Duplicate field keys")
        assert refusals["papers.bib:8"].startswith("the entry cannot be read: Unexpected block start")
        assert len(found) == 9

    @given(st.text() | st.from_regex(r"@[a-z]{4}\{[a-z]+, (title|abstract|author|year|date|eprint) ?= ?[{\"].*[}\"]\}"))
    def test_no_text_raises(self, text: str) -> None:
        assert all(isinstance(item, PaperRecord | Refusal) for item in read_bibtex(text, "papers.bib", ORIGIN))


class TestFiles:
    @pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "A.JSONL", "a.jsonl.gz", "a.json.GZ"])
    def test_the_kinds_of_lines(self, tmp_path: Path, name: str) -> None:
        data = "\ufeff{}\n".format(json.dumps(PAPER | {"title": "é"})).encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
        assert fetch(path) == [PaperRecord("files", "é", "An abstract.")]

    def test_files_are_read_in_order_and_named_in_refusals(self, tmp_path: Path) -> None:
        lines, entries = tmp_path / "a.jsonl", tmp_path / "b.bib"
        lines.write_text("{}\n" + json.dumps(PAPER))
        entries.write_text("\ufeff\n@misc{k, title={B}, abstract={A}}", encoding="utf-8")
        refusal, first, second = fetch(lines, entries)
        assert refusal == Refusal(f"{lines}:1", "there is no title")
        assert isinstance(first, PaperRecord)
        assert isinstance(second, PaperRecord)
        assert (first.title, second.title) == ("A title", "B")

    @pytest.mark.parametrize(
        ("name", "data", "why"),
        [
            ("a.csv", b"{}", "its name must end in"),
            ("a.gz", b"{}", "its name must end in"),
            ("a", b"{}", "its name must end in"),
            ("a.jsonl", b"{}\n\xff", "is not UTF-8"),
            ("a.bib", b"\xff", "is not UTF-8"),
            ("a.jsonl.gz", b"{}", "cannot be read"),
            ("a.jsonl.gz", GZIPPED[:-9], "cannot be read"),
            ("a.jsonl.gz", GZIPPED[:10] + b"\x07" * 20, "cannot be read"),
        ],
    )
    def test_a_file_that_cannot_be_taken_stops_everything(
        self, tmp_path: Path, name: str, data: bytes, why: str
    ) -> None:
        good, bad = tmp_path / "good.jsonl", tmp_path / name
        good.write_text(json.dumps(PAPER))
        bad.write_bytes(data)
        with pytest.raises(InvalidRequest, match=why) as caught:
            FilesSource([good, bad]).fetch(NOW, NOW)
        assert str(bad) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_path_that_is_no_file_stops_everything(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequest, match="there is no such file"):
            FilesSource([tmp_path / "missing.jsonl"]).fetch(NOW, NOW)
        with pytest.raises(InvalidRequest, match="is a folder"):
            FilesSource([tmp_path]).fetch(NOW, NOW)
        with pytest.raises(InvalidRequest, match="cannot be read"):
            FilesSource([tmp_path / ("x" * 300 + ".jsonl")]).fetch(NOW, NOW)

    def test_a_large_file_is_not_held_in_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "large.jsonl"
        line = json.dumps(PAPER | {"abstract": "x" * 40_000}) + "\n"
        path.write_text(line * 500)  # 20 MB
        tracemalloc.start()
        try:
            assert sum(1 for _ in FilesSource([path]).fetch(NOW, NOW)) == 500
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    def test_the_clock_is_asked_at_every_fetch(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(json.dumps(PAPER | {"published": "2026-04-22"}))
        moments = iter([NOW, NOW + timedelta(days=1)])
        source = FilesSource([path], now=lambda: next(moments))
        assert [type(item) for item in source.fetch(NOW, NOW)] == [Refusal]
        assert [type(item) for item in source.fetch(NOW, NOW)] == [PaperRecord]
