"""The house rules that no linter knows: sizes, mirrors, mail triples, documented settings, a light --help."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "digest").rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION, MOST_ARGUMENTS, DEEPEST_NESTING = 400, 40, 5, 3
NO_TEST_OF_ITS_OWN = {"__main__.py", "sources/base.py"}  # two lines, and a port without behaviour
BANNED_NAMES = {"utils.py", "helpers.py", "common.py", "models.py"}


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    assert node.end_lineno is not None
    docstring = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def nesting(node: ast.AST) -> int:
    """How deep blocks stand in each other; `elif` is no deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        block = isinstance(child, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.AsyncFor | ast.AsyncWith)
        chained = isinstance(node, ast.If) and child in node.orelse and isinstance(child, ast.If)
        deepest = max(deepest, nesting(child) + (block and not chained))
    return deepest


def test_no_module_is_longer_than_the_limit() -> None:
    assert [path for path in MODULES if len(path.read_text().splitlines()) > LONGEST_MODULE] == []


def test_no_function_is_longer_than_the_limit() -> None:
    assert [(where, length(node)) for where, node in functions() if length(node) > LONGEST_FUNCTION] == []


def test_no_function_takes_more_arguments_than_the_limit() -> None:
    def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        return len([name for name in names if name not in {"self", "cls"}])

    assert [(where, arguments(node)) for where, node in functions() if arguments(node) > MOST_ARGUMENTS] == []


def test_no_function_nests_deeper_than_the_limit() -> None:
    assert [where for where, node in functions() if nesting(node) > DEEPEST_NESTING] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path for path in MODULES if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in MODULES if path.name in BANNED_NAMES] == []


def test_unit_tests_mirror_the_package() -> None:
    wanted = {
        path.relative_to(ROOT / "digest").with_name(f"test_{path.name}")
        for path in MODULES
        if path.name != "__init__.py" and str(path.relative_to(ROOT / "digest")) not in NO_TEST_OF_ITS_OWN
    }
    there = {path.relative_to(ROOT / "tests/unit") for path in (ROOT / "tests/unit").rglob("test_*.py")}
    assert there == wanted


def test_every_mail_has_subject_text_and_html() -> None:
    folder = ROOT / "templates/mail"
    names = {path.name.partition(".")[0] for path in folder.glob("*.j2")}
    there = {path.name for path in folder.glob("*.j2")}
    assert there == {f"{name}.{part}" for name in names for part in ("subject.txt.j2", "txt.j2", "html.j2")}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in (ROOT / "README.md").read_text()


def test_every_dependency_is_in_the_readme_with_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [line.partition(">")[0].partition("[")[0].strip() for line in project["dependencies"]]
    readme = (ROOT / "README.md").read_text()
    assert [name for name in names if f"| {name} |" not in readme] == []


def test_help_answers_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from digest.cli.main import cli;"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0;"
        "print([m for m in ('torch','faiss','celery','sqlmodel','pydantic','numpy','rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_the_migrations_folder_is_no_package_that_would_hide_alembic() -> None:
    assert not (ROOT / "alembic/__init__.py").exists()


def test_no_file_carries_a_name_of_this_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    texts = [ROOT / name for name in listed.stdout.splitlines() if not name.endswith((".png", ".jsonl"))]
    banned = ("/" + "work/", "/" + "root/")
    assert [path for path in texts if path.is_file() and any(word in path.read_text() for word in banned)] == []
