"""The Jinja2 environment: escaping by file name, strict names, wrapped text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError

from digest import resources
from digest.templating import TEXT_WIDTH, environment, read_rules, render, shorten, wrap, write_styles

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


def test_styles_are_written_onto_the_tags_that_have_a_class() -> None:
    rules = read_rules("/* .no { color:red } */ .ink { color:#111; font:16px 'A B' }\n.rule{border:0}")
    assert rules == {"ink": "color:#111; font:16px 'A B'", "rule": "border:0"}
    source = '<p class="ink">{{ x }}</p><hr><td class="rule" width="1">'
    text = """<p class="ink" style="color:#111; font:16px 'A B'">{{ x }}</p>"""
    assert write_styles(source, rules) == f'{text}<hr><td class="rule" style="border:0" width="1">'


def test_a_class_without_a_rule_is_an_error() -> None:
    with pytest.raises(KeyError, match="tpyo"):
        write_styles('<p class="tpyo">', {"typo": ""})


@given(st.text("ab ,\N{ROCKET}", max_size=60), st.integers(2, 40))
def test_a_shortened_text_fits_and_says_that_it_was_cut(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= max(length, 1)
    assert short == text or short.endswith("\N{HORIZONTAL ELLIPSIS}")


# colours: the ratio of WCAG 2 between text and what it stands on

LIGHT = ("name", "date", "lead", "note", "section", "title", "by", "words", "votes", "foot", "links", "address", "body")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def light_rules() -> dict[str, str]:
    return read_rules((resources.folder("templates") / "mail/layout/style.css").read_text())


def dark_rules() -> dict[str, dict[str, str]]:
    """The declarations of dark mode, by class."""
    page = (resources.folder("templates") / "mail/layout/page.html.j2").read_text()
    block = page.partition("prefers-color-scheme: dark")[2].partition("\n}\n")[0]
    rules: dict[str, dict[str, str]] = {}
    for names, declarations in re.findall(r"^  (\.[^{]+)\{([^}]*)\}", block, re.MULTILINE):
        found = dict(re.findall(r"([a-z-]+): (#[0-9a-f]{6})", declarations))
        for name in re.findall(r"\.([a-z]+)", names):
            rules.setdefault(name, {}).update(found)
    return rules


def colours(declarations: str) -> dict[str, str]:
    return dict(re.findall(r"(?<![a-z-])(color|background-color):(#[0-9a-f]{6})", declarations))


@pytest.mark.parametrize("name", [*LIGHT, "trend", "why", "button"])
def test_text_stands_out_by_day_and_by_night(name: str) -> None:
    ink = "buttonlink" if name == "button" else name
    day, night = light_rules(), dark_rules()
    ground = colours(day[name]).get("background-color", "#ffffff")
    assert contrast(colours(day[ink])["color"], ground) >= 4.5
    dark_ground = night[name].get("background-color", night["sheet"]["background-color"])
    assert contrast(night[ink]["color"], dark_ground) >= 4.5
