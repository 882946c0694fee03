"""The one Jinja2 environment: HTML is escaped, text is not, and a name that is not given is an error.

Mail programs drop style sheets, so the styles of `mail/layout/style.css` are written onto the tags: once, when a
template is loaded. (A library would read the unfilled template as HTML, and move its tags out of the tables.)
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from digest import resources

TEXT_WIDTH = 72
CLASS = re.compile(r'class="([^"]*)"')
BLOCK = re.compile(r"<style>(.*?)</style>", re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"\.([a-z]+)\s*\{\s*([^}]*?)\s*\}")


class StylingLoader(FileSystemLoader):
    """Loads templates from a folder; those of HTML mail get their styles."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_fresh = super().get_source(environment, template)
        if template.startswith("mail/") and template.endswith(".html.j2"):
            sheet, _, _ = super().get_source(environment, "mail/layout/style.css")
            source = write_styles(source, read_rules(sheet))
        return source, path, is_fresh


def read_rules(sheet: str) -> dict[str, str]:
    """The declarations of each class of a style sheet that has rules of single classes only."""
    return {name: declarations.replace('"', "'") for name, declarations in RULE.findall(COMMENT.sub("", sheet))}


def write_styles(source: str, rules: dict[str, str]) -> str:
    """`source` with a style on every tag that has a class; a class without a rule is a KeyError."""
    return CLASS.sub(lambda found: f'{found[0]} style="{rules[found[1]]}"', source)


def mail_styles() -> list[str]:
    """All styles that a mail of ours can carry: those of its tags, and its style block, as a browser reads them."""
    loader, made = environment().loader, environment()
    assert loader is not None  # noqa: S101 - it was given above
    sheet, page = (loader.get_source(made, f"mail/layout/{name}")[0] for name in ("style.css", "page.html.j2"))
    return [*read_rules(sheet).values(), *BLOCK.findall(page)]


@cache
def environment() -> Environment:
    loader: BaseLoader = StylingLoader(resources.folder("templates"))
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters["wrap"] = wrap
    made.filters["shorten"] = shorten
    return made


@lru_cache(maxsize=4096)
def wrap(text: str, indent: str = "") -> str:
    """`text` in lines of at most 72 characters, each after `indent`; words and addresses are never broken.

    The standard library's takes five times as long, which is half of a mail.
    """
    lines, room = [indent], TEXT_WIDTH - len(indent)
    for word in text.split():
        if len(word) > room and lines[-1] != indent:
            lines.append(indent)
            room = TEXT_WIDTH - len(indent)
        lines[-1] += word + " "
        room -= len(word) + 1
    return "\n".join(line.rstrip() for line in lines)


def shorten(text: str, length: int) -> str:
    """`text` cut at a word to at most `length` characters, with an ellipsis where something is missing."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:–-") + "…"


@cache
def _template(name: str) -> Template:
    return environment().get_template(name)


def render(name: str, context: dict[str, object]) -> str:
    return _template(name).render(context)
