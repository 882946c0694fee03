"""Finding templates/ and alembic/ in a checkout and in a wheel."""

from pathlib import Path

import pytest

from digest import resources
from digest.errors import ConfigurationError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, with nothing in it."""
    made = tmp_path / "site" / "digest"
    made.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", made)
    return made


@pytest.mark.parametrize(
    ("name", "file"), [("templates", "mail/edition.html.j2"), ("alembic", "env.py"), ("alembic", "versions")]
)
def test_this_installation_has_its_folders(name: str, file: str) -> None:
    assert (resources.folder(name) / file).exists()


def test_a_wheel_carries_the_folder_inside_the_package(package: Path) -> None:
    (package / "_templates").mkdir()
    (package.parent / "templates").mkdir()  # some other project's
    assert resources.folder("templates") == package / "_templates"


def test_a_checkout_has_the_folder_beside_the_package(package: Path) -> None:
    (package.parent / "templates").mkdir()
    assert resources.folder("templates") == package.parent / "templates"


@pytest.mark.usefixtures("package")
def test_a_missing_folder_is_named() -> None:
    with pytest.raises(ConfigurationError, match="templates/"):
        resources.folder("templates")
