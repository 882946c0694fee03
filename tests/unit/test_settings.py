"""Settings: where they come from, what is refused and in which words."""

import os
import re
import stat
from pathlib import Path

import pytest

from digest.errors import ConfigurationError
from digest.settings import Settings, load, unknown_names

STRONG = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test of this file touches the user's own data folder."""
    folder = tmp_path / "data"
    monkeypatch.setenv("DIGEST_DATA_DIR", str(folder))
    return folder


def refusal(**overrides: object) -> str:
    """The one line in which `load` says no."""
    with pytest.raises(ConfigurationError) as caught:
        load(**overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_override_beats_the_environment_which_beats_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("DIGEST_SMTP_HOST=file\nDIGEST_SMTP_USERNAME=file\nDIGEST_CONTACT=file\n")
    monkeypatch.setenv("DIGEST_SMTP_HOST", "environment")
    monkeypatch.setenv("DIGEST_SMTP_USERNAME", "environment")
    settings = load(smtp_host="override")
    assert (settings.smtp_host, settings.smtp_username, settings.contact) == ("override", "environment", "file")


@pytest.mark.parametrize(
    ("text", "expected"), [("arxiv, huggingface", ["arxiv", "huggingface"]), (" ,arxiv,,", ["arxiv"]), ("", [])]
)
@pytest.mark.parametrize("name", ["sources", "arxiv_categories", "allowed_hosts", "trusted_proxies", "limits"])
def test_a_list_is_written_with_commas(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: list[str]
) -> None:
    monkeypatch.setenv(f"DIGEST_{name.upper()}", text)
    assert getattr(load(), name) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "ftp://digest.example.org"),
        ("base_url", "digest.example.org"),
        ("base_url", "https://"),
        ("base_url", "http://[::1"),
        ("transport", "pigeon"),
        ("smtp_port", "0"),
        ("smtp_port", "65536"),
        ("smtp_port", "many"),
        ("device", "tpu"),
        ("poll_minutes", "0"),
        ("window_days", "0"),
        ("window_days", "61"),
        ("papers_per_edition", "0"),
        ("papers_per_edition", "51"),
        ("log_level", "LOUD"),
        ("log_format", "xml"),
    ],
)
def test_a_value_that_cannot_be_taken_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DIGEST_{name.upper()}", value)
    assert re.match(rf"DIGEST_{name.upper()}\b", refusal())


def test_the_base_url_loses_its_last_slash() -> None:
    assert load(base_url="https://digest.example.org/mail/").base_url == "https://digest.example.org/mail"


@pytest.mark.parametrize(
    ("transport", "base_url"),
    [
        ("smtp", "https://digest.example.org"),
        ("smtp", "http://localhost:8000"),
        ("smtp", "http://127.0.0.1:8000"),
        ("smtp", "http://[::1]:8000"),
        ("folder", "http://digest.example.org"),
    ],
)
def test_links_without_tls_are_for_trying_out(transport: str, base_url: str) -> None:
    assert load(transport=transport, base_url=base_url).base_url == base_url


@pytest.mark.parametrize("host", ["digest.example.org", "localhost.example.org", "10.0.0.7"])
def test_links_in_real_mail_need_tls(host: str) -> None:
    assert "DIGEST_BASE_URL" in refusal(transport="smtp", base_url=f"http://{host}")


def test_two_kinds_of_tls_exclude_each_other() -> None:
    line = refusal(smtp_tls=True, smtp_start_tls=True)
    assert "DIGEST_SMTP_TLS" in line
    assert "DIGEST_SMTP_START_TLS" in line


@pytest.mark.parametrize("key", ["short", STRONG[:-1], "changeme" * 8, "x" * 64])
def test_a_weak_secret_is_refused_and_not_repeated(key: str) -> None:
    line = refusal(secret_key=key)
    assert "DIGEST_SECRET_KEY" in line
    assert key not in line


def test_a_given_secret_is_used_and_nothing_is_kept(data_dir: Path) -> None:
    assert load(secret_key=STRONG).signing_key == STRONG
    assert list(data_dir.iterdir()) == []


def test_secrets_are_not_shown() -> None:
    settings = load(secret_key=STRONG, smtp_password="open sesame")
    assert STRONG not in repr(settings)
    assert "sesame" not in repr(settings)


def test_without_a_secret_one_is_made_once_for_its_owner_alone(data_dir: Path) -> None:
    first, second = load().signing_key, load().signing_key
    assert first == second
    assert len(set(first)) >= 8
    assert len(first) == 64
    assert stat.S_IMODE((data_dir / "secret.key").stat().st_mode) == 0o600


def test_each_installation_makes_its_own_secret(tmp_path: Path) -> None:
    assert load(data_dir=tmp_path / "one").signing_key != load(data_dir=tmp_path / "two").signing_key


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short\n",
        b"\xff" * 64,
    ],
)
def test_a_damaged_secret_file_is_named(data_dir: Path, content: bytes) -> None:
    settings = load()
    (data_dir / "secret.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"secret\.key"):
        _ = settings.signing_key


def test_the_database_is_a_file_in_the_data_folder_unless_another_is_named(data_dir: Path) -> None:
    assert load().database == f"sqlite:///{data_dir}/digest.sqlite3"
    assert load(database_url="sqlite:///elsewhere.db").database == "sqlite:///elsewhere.db"


def test_a_relative_data_folder_is_meant_from_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = load(data_dir="here").database
    monkeypatch.chdir("/")
    assert database == f"sqlite:///{tmp_path}/here/digest.sqlite3"


def test_mail_and_caches_lie_in_the_data_folder(data_dir: Path) -> None:
    settings = load()
    assert (settings.outbox_dir, settings.cache_dir) == (data_dir / "outbox", data_dir / "cache")


def test_the_data_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    load(data_dir=tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("below", ["", "data"])
def test_a_data_folder_that_cannot_be_written_is_named_with_the_variable(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    line = refusal(data_dir=file / below)
    assert str(file) in line
    assert "DIGEST_DATA_DIR" in line


def test_names_that_no_setting_reads_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DIGEST_CONTACT", "known")
    monkeypatch.setenv("DIGEST_FROM_ENVIRONMENT", "x")
    monkeypatch.setenv("OTHER_NAME", "x")
    Path(".env").write_text(
        "# DIGEST_COMMENTED=x\nexport DIGEST_EXPORTED=x\n  digest_small = x\nDIGEST_BASE_URL=known\nNO_PREFIX=x\n\n"
    )
    assert unknown_names() == ["DIGEST_EXPORTED", "DIGEST_FROM_ENVIRONMENT", "DIGEST_SMALL"]


def test_no_known_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"DIGEST_{name.upper()}" for name in Settings.model_fields}
    for name in names:
        monkeypatch.setenv(name, "x")
    assert names.isdisjoint(unknown_names())


def test_an_env_file_that_is_not_utf_8_is_named_and_its_unknown_names_are_found() -> None:
    Path(".env").write_bytes("DIGEST_POSTAL_ADDRESS=1 Straße\nDIGEST_STREET=Straße\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"\.env"):
        load()
    assert "DIGEST_STREET" in unknown_names()
