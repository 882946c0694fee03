"""The Jinja2 environment: escaping by file name, strict names, wrapped text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError

from digest.templating import TEXT_WIDTH, environment, render, wrap

words = st.lists(st.text("abcxyz-", min_size=1, max_size=90), max_size=40)


def rendered(template: str, source: str, **context: object) -> str:
    return environment().overlay(loader=DictLoader({template: source})).get_template(template).render(context)


def test_html_is_escaped() -> None:
    assert rendered("mail/x.html.j2", "<p>{{ title }}</p>", title="<b> & 'x'") == "<p>&lt;b&gt; &amp; &#39;x&#39;</p>"


@pytest.mark.parametrize("name", ["mail/x.txt.j2", "mail/x.subject.txt.j2"])
def test_text_is_not_escaped(name: str) -> None:
    assert rendered(name, "{{ title }}", title="P < NP & more") == "P < NP & more"


@pytest.mark.parametrize("source", ["{{ nmae }}", "{% if nmae %}x{% endif %}", "{% for n in nmae %}x{% endfor %}"])
def test_a_name_that_is_not_given_is_an_error(source: str) -> None:
    with pytest.raises(UndefinedError, match="nmae"):
        rendered("mail/x.txt.j2", source, name="Ada")


def test_blocks_leave_no_empty_lines() -> None:
    assert rendered("mail/x.txt.j2", "a\n  {% if yes %}\nb\n  {% endif %}\nc\n", yes=True) == "a\nb\nc"


def test_a_template_of_the_project_is_found_by_its_name() -> None:
    assert render("mail/test.subject.txt.j2", {"sender_name": "Papers"}) == "A test from Papers"


def test_templates_can_wrap() -> None:
    assert rendered("mail/x.txt.j2", "{{ text | wrap('  ') }}", text="a b") == "  a b"


@given(words=words, indent=st.sampled_from(["", "  ", "   "]))
def test_wrapped_text_keeps_its_words_whole_and_its_lines_short(words: list[str], indent: str) -> None:
    lines = wrap(" ".join(words), indent).splitlines()
    assert [word for line in lines for word in line.split()] == words
    for line in lines:
        assert line.startswith(indent)
        assert len(line) <= TEXT_WIDTH or len(line.split()) == 1


def test_wrapping_fills_the_lines() -> None:
    assert [len(line) for line in wrap("four " * 30).splitlines()] == [69, 69, 9]
