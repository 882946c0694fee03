"""The built wheel, installed elsewhere and run from elsewhere, does the demo."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_templates_and_migrations_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    expected = {name for name in tracked if name.startswith("digest/")}
    expected |= {f"digest/_{name}" for name in tracked if name.startswith(("templates/", "alembic/"))}
    assert names == expected


def test_the_installed_wheel_runs_the_demo_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    venv.create(home, with_pip=False)
    # The libraries are borrowed from this environment; digest itself comes from the wheel alone.
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    next(home.glob("lib/python*/site-packages")).joinpath("libraries.pth").write_text(f"{libraries}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--ignore-installed", str(wheel)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "PYTHON"))}
    environment |= {"DIGEST_DATA_DIR": str(tmp_path / "data"), "HF_HUB_OFFLINE": "1"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(str(home / "bin/python"), "-c", "import digest; print(digest.__file__)").startswith(str(home))
    assert "3 editions were sent" in run(str(home / "bin/digest"), "demo")
    assert len(list((tmp_path / "data/outbox").glob("*.eml"))) == 3
    assert len(list((tmp_path / "data/outbox").glob("*.html"))) == 3
