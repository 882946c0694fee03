"""The one Jinja2 environment: HTML is escaped, text is not, and a name that is not given is an error."""

import textwrap
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from digest import resources

TEXT_WIDTH = 72


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(resources.folder("templates")),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters["wrap"] = wrap
    return made


def wrap(text: str, indent: str = "") -> str:
    """`text` in lines of at most 72 characters, each after `indent`; addresses are never broken."""
    return textwrap.fill(
        text,
        TEXT_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def render(name: str, context: dict[str, object]) -> str:
    return environment().get_template(name).render(context)
