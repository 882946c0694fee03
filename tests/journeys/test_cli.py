"""The shell face from end to end: what a person types, what comes back, and that a mistake stores nothing."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import click
import pytest
import structlog
from click.testing import CliRunner, Result
from factories import TOPICS
from servers import find_free_port
from smtp_sink import SmtpSink

from digest.cli.main import cli
from digest.clock import utc_now
from digest.errors import TransientError

ADA, EMMY = "ada@example.org", "emmy@example.org"


class Shell:
    """Types commands on a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, status: int = 0) -> Result:
        """Run one command; it must end with `status`, and never with an exception that nobody expected."""
        result = CliRunner().invoke(cli, list(words))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)

    def complaint(self, *words: str, status: int = 2) -> str:
        """The one line on stderr with which a command is refused."""
        lines = self(*words, status=status).stderr.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("digest: ")
        return lines[0]

    def rows(self, *tables: str) -> dict[str, list[Any]]:
        """Everything in the database, or in some of its tables."""
        with sqlite3.connect(self.folder / "digest.sqlite3") as database:
            names = tables or [
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            found = {name: database.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in names}  # noqa: S608
        database.close()
        return found

    def mail(self) -> list[str]:
        """Whom the folder's mail is for."""
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in self.folder.glob("outbox/*.eml")]
        return sorted(str(mail["To"].addresses[0].addr_spec) for mail in mails)


def write_papers(path: Path, extra: tuple[str, ...] = ()) -> Path:
    lines = [
        json.dumps(
            {
                "id": f"2605.{number:05}",
                "title": f"{topic.title()} study number {number}",
                "abstract": f"{TOPICS[topic]} Experiment {number} confirms it. The gain over older methods is large.",
                "authors": ["Ada Author", "Bob Writer"],
            }
        )
        for number, topic in enumerate([*TOPICS] * 5, 1)
    ]
    path.write_text("\n".join([*lines, *extra]) + "\n", encoding="utf-8")
    return path


def set_up(patch: pytest.MonkeyPatch, folder: Path) -> Shell:
    patch.setenv("DIGEST_DATA_DIR", str(folder))
    patch.setenv("DIGEST_ENCODER", "hashing")
    patch.setenv("DIGEST_SOURCES", "")
    return Shell(folder)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command points the log at its own stderr, which ends with it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with papers, their vectors, and Ada, who is due."""
    folder = tmp_path_factory.mktemp("stocked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shell = set_up(patch, folder)
        shell("ingest", "files", str(write_papers(folder / "papers.jsonl")))
        shell("subscribers", "add", ADA, "--name", "Ada", "--active")
        shell("profiles", "add", ADA, "--name", "Mamba", "--text", TOPICS["mamba"])
        shell("papers", "search", "auctions")
    structlog.reset_defaults()
    return folder


@pytest.fixture
def shell(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shutil.copytree(stocked, tmp_path / "data")
    return set_up(monkeypatch, tmp_path / "data")


# The whole path


def test_from_nothing_to_mail_in_the_folder_and_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = set_up(monkeypatch, tmp_path / "new")
    assert f"{ADA} is active" in shell("subscribers", "add", ADA, "--active").stdout
    assert (
        "has the interest “Mamba”" in shell("profiles", "add", ADA, "--name", "Mamba", "--text", TOPICS["mamba"]).stdout
    )
    assert "25 new" in shell("ingest", "files", str(write_papers(tmp_path / "papers.jsonl"))).stdout
    first = {stage["name"]: stage for stage in shell.json("run")}
    assert first["deliver"]["counts"] == {"sent": 1}
    assert shell.mail() == [ADA]
    assert len(list(shell.folder.glob("outbox/*"))) == 2
    before = shell.rows()
    assert [stage["name"] for stage in shell.json("run") if stage["planned"]] == []
    assert shell.rows() == before
    assert shell("run").stderr == ""


def test_the_mail_holds_papers_of_the_interest(shell: Shell) -> None:
    shell("run")
    (path,) = shell.folder.glob("outbox/*.eml")
    body = message_from_bytes(path.read_bytes(), policy=default).get_body(("plain",)).get_content()
    assert body.count("Mamba study number") >= 4
    assert "Closer to “Mamba”" in " ".join(body.split())


def test_papers_that_are_loaded_twice_are_stored_once(shell: Shell) -> None:
    before = shell.rows("paper")
    assert "25 unchanged" in shell("ingest", "files", str(shell.folder / "papers.jsonl")).stdout
    assert shell.rows("paper") == before


def test_only_one_subscriber_is_mailed_when_only_one_is_named(shell: Shell) -> None:
    shell("subscribers", "add", EMMY, "--active")
    shell("profiles", "add", EMMY, "--text", TOPICS["auction"])
    shell("run", "--only", EMMY)
    assert shell.mail() == [EMMY]
    shell("run")
    assert shell.mail() == [ADA, EMMY]


def test_a_pending_subscriber_gets_no_mail(shell: Shell) -> None:
    assert "is pending" in shell("subscribers", "add", EMMY).stdout
    shell("profiles", "add", EMMY, "--text", TOPICS["auction"])
    shell("run")
    assert shell.mail() == [ADA]


def test_a_dry_run_shows_what_would_go_out_and_stores_nothing(shell: Shell) -> None:
    before = shell.rows()
    assert "Mamba study number" in shell("run", "--dry-run").stdout
    (first, *_) = shell.json("run", "--dry-run")
    assert (first["email"], first["rank"]) == (ADA, 1)
    assert "Closer to “Mamba”" in first["why"]
    assert shell.rows() == before
    assert shell.mail() == []


def test_a_preview_is_the_edition_that_then_goes_out(shell: Shell) -> None:
    before = shell.rows()
    shown = shell("preview", ADA).stdout
    assert shell.rows() == before
    (page,) = shell.folder.glob("preview/*.html")
    assert str(page) in shown.replace("\n", "")
    shell("run")
    (sent,) = shell.folder.glob("outbox/*.html")
    titles = [part.partition("</a>")[0].rpartition(">")[2] for part in sent.read_text().split("<h2")[1:]]
    assert titles
    assert titles == [part.partition("</a>")[0].rpartition(">")[2] for part in page.read_text().split("<h2")[1:]]


def test_a_preview_without_papers_says_why_there_is_none(shell: Shell) -> None:
    shell("run")
    assert "No edition now:" in shell("preview", ADA).stdout


def test_a_preview_for_somebody_without_interests_shows_what_trends(shell: Shell) -> None:
    shell("subscribers", "add", EMMY)
    assert {pick["why"] for pick in shell.json("preview", EMMY)} == {"A new paper."}
    text = shell("preview", EMMY).stdout
    assert "Tell us what you want to read" in Path(text.split("The mail: ")[1].strip()).read_text(encoding="utf-8")


def test_search_finds_by_words_and_similar_by_paper(shell: Shell) -> None:
    hits = shell.json("papers", "search", "truthful auctions for bidders", "--count", "3")
    assert [hit["title"].split()[0] for hit in hits] == ["Auction"] * 3
    same = shell.json("papers", "similar", "2605.00002", "--count", "3")
    assert [hit["title"].split()[0] for hit in same] == ["Auction"] * 3
    assert same == shell.json("papers", "similar", "https://arxiv.org/abs/2605.00002v3", "--count", "3")
    assert "Auction study number" in shell("papers", "similar", "#2").stdout


def test_a_test_message_goes_out(shell: Shell) -> None:
    assert "Accepted: written to" in shell("send-test", EMMY).stdout
    assert shell.mail() == [EMMY]


def test_people_and_interests_can_be_seen_and_removed(shell: Shell) -> None:
    assert ADA in shell("subscribers", "list").stdout
    assert "Mamba" in shell("subscribers", "show", ADA).stdout
    assert TOPICS["mamba"][:30] in shell("profiles", "list", ADA).stdout.replace("\n", " ")
    assert "Mamba" in shell("profiles", "show", ADA, "mamba").stdout
    shell("profiles", "remove", ADA, "Mamba", "--yes")
    assert "No interests yet" in shell("profiles", "list", ADA).stdout
    shell("subscribers", "remove", ADA.upper(), "--yes")
    assert shell.rows("subscriber") == {"subscriber": []}


def test_who_pauses_gets_nothing_until_they_resume(shell: Shell) -> None:
    assert "until 2" in shell("subscribers", "pause", ADA, "--until", f"{utc_now().date() + timedelta(days=30)}").stdout
    assert "until: digest subscribers resume" in shell("subscribers", "pause", ADA).stdout
    shell("run")
    assert shell.mail() == []
    assert "is active" in shell("subscribers", "resume", ADA).stdout
    shell("run")
    assert shell.mail() == [ADA]


def test_who_cannot_be_mailed_yet_gets_a_link_to_sign_in(shell: Shell) -> None:
    link = shell("subscribers", "sign-in-link", ADA).stdout.strip()
    assert link.startswith("http://localhost:8000/sign-in/")
    assert link.rpartition("/")[2] not in str(shell.rows())


def test_a_key_is_made_listed_and_revoked(shell: Shell) -> None:
    secret = shell("keys", "create", "newsroom", "--scope", "read", "--scope", "send").stdout.strip()
    assert secret.startswith("digest_")
    assert secret not in str(shell.rows())
    assert "read, send" in shell("keys", "list").stdout
    assert [key["scopes"] for key in shell.json("keys", "list")] == [["read", "send"]]
    shell("keys", "revoke", "newsroom")
    assert "No keys yet" in shell("keys", "list").stdout


def test_removing_asks_first(shell: Shell) -> None:
    before = shell.rows()
    for words in (("subscribers", "remove", ADA), ("profiles", "remove", ADA, "Mamba")):
        refused = CliRunner().invoke(cli, list(words), input="n\n")
        assert (refused.exit_code, shell.rows()) == (1, before)


def test_erasing_somebody_leaves_nothing_that_names_them(shell: Shell) -> None:
    shell("run")
    shell("subscribers", "remove", ADA, "--yes")
    named = ("subscriber", "profile", "profile_example", "profile_vector", "edition", "edition_item", "outbox_message")
    assert not any(shell.rows(*named).values())
    assert ADA not in str(shell.rows())


def test_an_address_in_another_script_gets_its_mail(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("subscribers", "add", "ada@bücher.example", "--active")
    shell("profiles", "add", "ada@bücher.example", "--text", TOPICS["auction"])
    with SmtpSink() as sink:
        use_smtp(monkeypatch, sink.port)
        shell("run", "--only", "ada@bücher.example")
        assert [message.recipients for message in sink.messages] == [["ada@xn--bcher-kva.example"]]


# Help and JSON


def every_command() -> list[list[str]]:
    def walk(command: click.Command, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*path, name])

    return list(walk(cli, []))


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_explains_itself(path: list[str], shell: Shell) -> None:
    result = shell(*path, "--help")
    assert result.stdout.startswith(f"Usage: cli {' '.join(path)}".rstrip())
    assert result.stdout == shell(*path, "-h").stdout
    summary = result.stdout.split("\n\n")[1].strip()
    assert len(summary) > 10


@pytest.mark.parametrize(
    "words",
    [
        ["subscribers", "list"],
        ["subscribers", "show", ADA],
        ["profiles", "list", ADA],
        ["profiles", "show", ADA, "Mamba"],
        ["papers", "search", "mamba"],
        ["papers", "similar", "2605.00001"],
        ["ingest", "files", "papers.jsonl"],
        ["run", "--dry-run"],
        ["run"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_every_listing_comes_as_json(words: list[str], shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    assert shell.json(*words)


def test_an_empty_listing_is_an_empty_list_and_says_so_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = set_up(monkeypatch, tmp_path / "empty")
    assert shell.json("subscribers", "list") == []
    assert "No subscribers yet" in shell("subscribers", "list").stdout


# Bad input


BAD = [
    (["subscribers", "add", "nobody"], "“nobody” is not a mail address"),
    (["subscribers", "add", ""], "“” is not a mail address"),
    (["subscribers", "add", "a@"], "is not a mail address"),
    (["subscribers", "add", "a@b.org, c@d.org"], "is not a mail address"),
    (["subscribers", "add", ADA.upper()], f"{ADA} is subscribed already"),
    (["subscribers", "add", EMMY, "--zone", "Mars/Phobos"], "no time zone “Mars/Phobos”"),
    (["subscribers", "add", EMMY, "--zone", ""], "no time zone “”"),
    (["subscribers", "add", EMMY, "--zone", "../../etc/passwd"], "no time zone"),
    (["subscribers", "add", EMMY, "--zone", "Europe"], "no time zone “Europe”"),
    (["subscribers", "add", EMMY, "--hour", "24"], "24 is not an hour"),
    (["subscribers", "add", EMMY, "--hour", "-1"], "-1 is not an hour"),
    (["subscribers", "add", EMMY, "--papers", "0"], "0 papers are not possible"),
    (["subscribers", "add", EMMY, "--papers", "51"], "51 papers are not possible"),
    (["subscribers", "add", EMMY, "--name", "a\nBcc: x@y.org"], "A name is one line"),
    (["subscribers", "show", EMMY], f"no subscriber {EMMY}"),
    (["subscribers", "remove", EMMY, "--yes"], f"no subscriber {EMMY}"),
    (["subscribers", "pause", EMMY], f"no subscriber {EMMY}"),
    (["subscribers", "pause", ADA, "--until", "2020-01-01"], "2020-01-01 is over"),
    (["subscribers", "pause", ADA, "--until", "2999-01-01"], "a year at most"),
    (["subscribers", "resume", EMMY], f"no subscriber {EMMY}"),
    (["subscribers", "sign-in-link", EMMY], f"no subscriber {EMMY}"),
    (["keys", "create", "newsroom"], "choose from read, subscribers, send"),
    (["keys", "create", "newsroom", "--scope", "all"], "no scope “all”"),
    (["keys", "revoke", "newsroom"], "no key “newsroom”"),
    (["profiles", "add", EMMY, "--text", "x"], f"no subscriber {EMMY}"),
    (["profiles", "add", ADA], "Describe the interest"),
    (["profiles", "add", ADA, "--name", " ", "--text", "x"], "name of an interest"),
    (["profiles", "add", ADA, "--name", "x" * 81, "--text", "x"], "name of an interest"),
    (["profiles", "add", ADA, "--name", "mamba", "--text", "x"], "called “mamba” already"),
    (["profiles", "add", ADA, "--text", "x" * 4001], "4000 characters or fewer"),
    (["profiles", "add", ADA, "--text", "x", "--category", "cs.XX"], "no arXiv category “cs.XX”"),
    (["profiles", "add", ADA, "--text", "x", "--like", "2605.99999"], "No stored paper is called “2605.99999”"),
    (["profiles", "add", ADA, "--text", "x", "--like", "#1", "--dislike", "2605.00001"], "both liked and disliked"),
    (["profiles", "add", ADA, "--text", "x", "--balance", "0.7"], "balance of trending papers"),
    (["profiles", "add", ADA, "--text", "x", "--balance", "nan"], "balance of trending papers"),
    (["profiles", "add", ADA, "--text", "x", "--weight", "0"], "weight of an interest"),
    (["profiles", "add", ADA, "--text", "x", "--weight", "inf"], "weight of an interest"),
    (["profiles", "add", ADA, "--text", "x", "--keyword", "…"], "“…” is not a phrase"),
    (["profiles", "add", ADA, "--text", "x", "--mute", ""], "“” is not a phrase"),
    (["profiles", "show", ADA, "Robots"], "has no interest “Robots”; there are: “Mamba”"),
    (["profiles", "remove", ADA, "Robots", "--yes"], "has no interest “Robots”"),
    (["papers", "search", " "], "Say what to look for"),
    (["papers", "similar", "2605.99999"], "No stored paper is called"),
    (["papers", "similar", "#999"], "No stored paper is called “#999”"),
    (["papers", "similar", "#x"], "No stored paper is called “#x”"),
    (["preview", EMMY], f"no subscriber {EMMY}"),
    (["run", "--at", "nonsense"], "“nonsense” is not a moment"),
    (["run", "--at", "2026-02-30"], "“2026-02-30” is not a moment"),
    (["run", "--at", "2999-01-01"], "2999-01-01 lies in the future"),
    (["run", "--dry-run", "--at", "2999-01-01T07:00+02:00"], "lies in the future"),
    (["run", "--only", EMMY], f"no subscriber {EMMY}"),
    (["run", "--only", "nobody"], "“nobody” is not a mail address"),
    (["send-test", "nobody"], "“nobody” is not a mail address"),
    (["ingest", "files", "missing.jsonl"], "there is no such file"),
    (["ingest", "files", "."], "is a folder"),
    (["ingest", "files", "digest.sqlite3"], "its name must end in"),
    (["ingest", "arxiv", "--category", "cs.XX"], "no arXiv category “cs.XX”"),
    (["run", "--at", "0001-01-01"], "0001-01-01"),
    (["run", "--at", "0001-01-01T00:00+05:00"], "0001-01-01"),
    (["papers", "similar", f"#{10**30}"], "No stored paper"),
    (["profiles", "add", ADA, "--name", "x", "--author", " "], "author"),
]


@pytest.mark.parametrize(("words", "told"), BAD)
def test_what_cannot_be_taken_is_refused_in_one_line_and_nothing_is_stored(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(shell.folder)
    before = shell.rows()
    assert told in shell.complaint(*words)
    assert shell.rows() == before
    assert shell.mail() == []


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--nonsense"],
        ["nonsense"],
        ["subscribers", "nonsense"],
        ["subscribers", "add"],
        ["subscribers", "add", EMMY, "--hour", "seven"],
        ["papers", "search", "x", "--count", "0"],
        ["ingest", "files"],
        ["profiles", "add", ADA, "--weight", "much"],
    ],
    ids=" ".join,
)
def test_what_the_shell_does_not_know_is_answered_with_the_usage(shell: Shell, words: list[str]) -> None:
    before = shell.rows()
    result = shell(*words, status=2)
    assert result.stderr.startswith("Usage: ")
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert shell.rows() == before


def test_a_bad_line_is_named_with_its_file_and_the_others_are_loaded(shell: Shell, tmp_path: Path) -> None:
    wrong = ("not json", '{"title": "No abstract"}', '{"abstract": "No title"}', "[]", '{"title": 1, "abstract": "x"}')
    path = write_papers(tmp_path / "new.jsonl", wrong)
    (shell.folder / "digest.sqlite3").unlink()
    result = shell("ingest", "files", str(path), status=2)
    assert "25 new" in result.stdout
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{path}:{number}" for number in range(26, 31)]
    for line, why in zip(
        lines, ("not JSON", "no abstract", "no title", "not a JSON object", "must be a text"), strict=True
    ):
        assert why in line
    assert len(shell.rows("paper")["paper"]) == 25


def test_all_files_are_checked_before_the_first_is_loaded(shell: Shell, tmp_path: Path) -> None:
    before = shell.rows()
    path = write_papers(tmp_path / "new.jsonl", ('{"title": "Another", "abstract": "Paper of its own."}',))
    assert "missing.jsonl" in shell.complaint("ingest", "files", str(path), str(tmp_path / "missing.jsonl"))
    assert shell.rows() == before


def test_a_search_without_papers_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = set_up(monkeypatch, tmp_path / "empty")
    assert "There are no papers yet" in shell.complaint("papers", "search", "mamba")


# A world that is not as it should be


def test_a_database_of_a_newer_release_is_left_alone(shell: Shell) -> None:
    with sqlite3.connect(shell.folder / "digest.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = shell.rows()
    for words in (["run"], ["subscribers", "list"], ["migrate"]):
        assert "from a newer release (revision 9999)" in shell.complaint(*words)
    assert shell.rows() == before


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    shell = set_up(monkeypatch, tmp_path / "file" / "data")
    for words in (["run"], ["subscribers", "add", ADA], ["demo"]):
        assert f"The data folder {shell.folder} cannot be written" in shell.complaint(*words)


def test_a_file_that_is_no_database_is_named(shell: Shell) -> None:
    (shell.folder / "digest.sqlite3").write_bytes(b"no database at all " * 100)
    assert "The database cannot be used" in shell.complaint("subscribers", "list")


def forget_encoder(shell: Shell) -> None:
    """As before the first paper: the settings name the encoder, not yet the database."""
    with sqlite3.connect(shell.folder / "digest.sqlite3") as database:
        database.execute("DELETE FROM encoder_in_force")
    database.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SMTP_PORT", "0"), ("ENCODER_PATH", "nowhere"), ("DATABASE_URL", "nonsense"), ("LOG_LEVEL", "LOUD")],
)
def test_a_setting_that_cannot_be_used_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DIGEST_{name}", value)
    monkeypatch.setenv("DIGEST_ENCODER", "sentence-transformers/all-MiniLM-L6-v2")
    forget_encoder(shell)
    (line,) = spoken(shell("papers", "search", "mamba", status=2))
    assert f"DIGEST_{name}" in line


def test_a_name_that_is_no_setting_is_warned_about_and_the_command_goes_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_SMPT_HOST", "localhost")
    result = shell("subscribers", "list")
    assert ADA in result.stdout
    assert result.stderr.startswith("digest: DIGEST_SMPT_HOST is not a setting")


def spoken(result: Result) -> list[str]:
    """What a command says on stderr, without the lines of its log."""
    return [line for line in result.stderr.splitlines() if line.startswith("digest: ")]


def use_smtp(patch: pytest.MonkeyPatch, port: int) -> None:
    for name, value in {"TRANSPORT": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}.items():
        patch.setenv(f"DIGEST_{name}", value)


def test_a_mail_server_that_is_not_there_loses_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    port = find_free_port()
    use_smtp(monkeypatch, port)
    for _ in range(2):
        (line,) = spoken(shell("run", status=2))
        assert f"127.0.0.1:{port}" in line
    assert f"127.0.0.1:{port}" in shell.complaint("send-test", ADA)
    with SmtpSink() as sink:
        use_smtp(monkeypatch, sink.port)
        shell("run")
        shell("run")
        assert [message.recipients for message in sink.messages] == [[ADA]]
    assert len(shell.rows("edition")["edition"]) == 1


def test_a_mail_server_that_refuses_is_quoted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpSink(lambda _stage, _: "550 5.7.1 Not from you") as sink:
        use_smtp(monkeypatch, sink.port)
        assert shell.complaint("send-test", EMMY) == "digest: 550 5.7.1 Not from you"


def test_a_source_that_nobody_knows_stops_nothing_else(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_SOURCES", "arxvi")
    (line,) = spoken(shell("run", status=2))
    assert "DIGEST_SOURCES names “arxvi”: choose from arxiv, huggingface, sample" in line
    assert shell.mail() == [ADA]


class LunchBreak:
    """A source that cannot be read now."""

    name = "sample"

    def fetch(self, since: datetime, until: datetime) -> Iterator[Any]:  # noqa: ARG002 - the port's signature
        raise TransientError("the sample is out for lunch")


@pytest.fixture
def failing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("DIGEST_SOURCES", "sample")
    monkeypatch.setattr("digest.workshop.SampleSource", LunchBreak)
    return shell


def test_a_source_that_fails_is_told_and_the_mail_goes_out(failing: Shell) -> None:
    (line,) = spoken(failing("run"))
    assert "the source sample could not be read: the sample is out for lunch" in line
    assert failing.mail() == [ADA]
    (path,) = failing.folder.glob("outbox/*.html")
    assert "Not everything could be read today" in path.read_text()


def test_a_sender_that_is_no_address_stops_the_run_and_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_MAIL_FROM", "nobody")
    (line,) = spoken(shell("run", status=2))
    assert "DIGEST_MAIL_FROM “nobody” is not a sender" in line
    monkeypatch.delenv("DIGEST_MAIL_FROM")
    shell("run")
    assert shell.mail() == [ADA]


def test_a_test_message_from_no_address_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_MAIL_FROM", "nobody")
    assert "DIGEST_MAIL_FROM “nobody” is not a sender" in shell.complaint("send-test", ADA)
    assert shell.mail() == []


# Doctor


def findings(shell: Shell, status: int = 0) -> dict[str, tuple[str, str]]:
    """What doctor finds: state, and detail with mend, by check."""
    found = json.loads(shell("doctor", "--json", status=status).stdout)
    return {row["check"]: (row["state"], f"{row['detail']} {row['mend']}") for row in found}


def test_doctor_finds_nothing_amiss(shell: Shell) -> None:
    found = findings(shell)
    assert {check: state for check, (state, _) in found.items()} == {
        "settings": "ok",
        "database": "ok",
        "broker": "ok",
        "encoder": "warn",  # the stand-in
        "faiss": "ok",
        "transport": "ok",
        "sources": "ok",
    }


@pytest.mark.parametrize(
    ("changes", "check", "told"),
    [
        ({"DATABASE_URL": "sqlite:///new.sqlite3"}, "database", "digest migrate"),
        ({"DATABASE_URL": "sqlite:////nowhere/x.sqlite3"}, "database", "make it first"),
        ({"SMTP_PORT": "0"}, "settings", "DIGEST_SMTP_PORT"),
        ({"SECRET_KEY": "short"}, "settings", "openssl rand"),
        ({"MAIL_FROM": "nobody"}, "transport", "use “Name <address>”"),
        ({"TRANSPORT": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1"}, "transport", "DIGEST_SMTP_*"),
        ({"ENCODER": "x/y", "ENCODER_PATH": "nowhere"}, "encoder", "DIGEST_ENCODER_PATH"),
    ],
)
def test_doctor_says_what_fails_and_how_to_mend_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], check: str, told: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(f"DIGEST_{name}", value)
    forget_encoder(shell)
    state, words = findings(shell, status=1)[check]
    assert state == "fail"
    assert told in words
    assert told in shell("doctor", status=1).stdout


def test_doctor_finds_a_newer_database_and_an_outbox_that_cannot_be_written(shell: Shell) -> None:
    with sqlite3.connect(shell.folder / "digest.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    (shell.folder / "outbox").touch()
    found = findings(shell, status=1)
    assert "newer release" in found["database"][1]
    assert "cannot be written" in found["transport"][1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SMPT_HOST": "localhost"}, "DIGEST_SMPT_HOST is not a setting"),
        ({"ENCODER": "none"}, "ranked by words alone"),
        ({"SOURCES": "arxiv"}, "set DIGEST_CONTACT"),
    ],
)
def test_doctor_warns_without_failing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], told: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(f"DIGEST_{name}", value)
    forget_encoder(shell)
    out = shell("doctor").stdout
    assert told in out
    assert "warn" in out


def test_doctor_checks_a_mail_server_that_answers(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpSink() as sink:
        use_smtp(monkeypatch, sink.port)
        found = json.loads(shell("doctor", "--json").stdout)
    assert any(row["check"] == "transport" and row["state"] == "ok" for row in found)
    assert any("DIGEST_POSTAL_ADDRESS" in row["mend"] for row in found)
