"""Where `templates/` and `alembic/` lie: inside the installed wheel, or beside `digest/` in a checkout."""

from pathlib import Path

from digest.errors import ConfigurationError

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `name`; the wheel carries it as `digest/_name`, a checkout as `../name`."""
    for candidate in (PACKAGE / f"_{name}", PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigurationError(f"The folder {name}/ is missing from this installation: install digest again.")
