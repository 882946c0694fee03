"""`digest doctor --mail` asks a real name server, prints what to publish, and exits 1 when something fails."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dns_server import DnsServer
from factories import make_subscriber

from digest.cli.main import cli
from digest.composing.signing import load_key
from digest.mail import resolver
from digest.workshop import Workshop

ADDRESS = "45.10.20.30"
ZONE = {
    ("papers.example", "TXT"): ['"v=spf1 ip4:45.10.20.30 -all"'],
    ("papers.example", "MX"): ["10 mail.papers.example."],
    ("papers.example", "A"): [ADDRESS],
    ("mail.papers.example", "A"): [ADDRESS],
    ("30.20.10.45.in-addr.arpa", "PTR"): ["mail.papers.example."],
    ("_dmarc.papers.example", "TXT"): ['"v=DMARC1; p=none; rua=mailto:a@papers.example"'],
}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    with DnsServer(dict(ZONE)) as made:
        ask = resolver.ask_dns
        monkeypatch.setattr(resolver, "ask_dns", lambda: ask([made.address], timeout=1))
        yield made


@pytest.fixture(autouse=True)
def environment(shop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    key = tmp_path / "dkim.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    chosen = {
        "DATA_DIR": shop.data_dir,
        "DATABASE_URL": shop.settings.database,
        "SOURCES": "",
        "ENCODER": "hashing",
        "MAIL_FROM": "Papers <digest@papers.example>",
        "BOUNCE_ADDRESS": "bounces@papers.example",
        "BASE_URL": "https://papers.example",
        "DKIM_KEYS": f"d1:{key}",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"DIGEST_{name}", str(value))
    yield
    structlog.reset_defaults()


Publish = Callable[[], None]


@pytest.fixture
def publish_key(server: DnsServer, tmp_path: Path) -> Publish:
    def put() -> None:
        record = load_key(f"d1:{tmp_path / 'dkim.pem'}", "papers.example").record
        server.zone = {**server.zone, ("d1._domainkey.papers.example", "TXT"): [f'"{record}"']}

    return put


def doctor(*words: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *words])


def states(*words: str) -> dict[str, str]:
    found = json.loads(doctor("--json", *words).stdout)
    return {one["check"].removeprefix("mail:"): one["state"] for one in found if one["check"].startswith("mail:")}


def test_where_all_is_published_the_exit_status_is_0(publish_key: Publish) -> None:
    publish_key()
    result = doctor("--mail", "--address", ADDRESS)
    assert result.exit_code == 0, result.output
    names = ["spf", "dkim", "dmarc", "alignment", "ptr", "bounces", "base_url"]
    assert states("--mail", "--address", ADDRESS) == dict.fromkeys(names, "ok")


def test_what_is_missing_is_given_on_a_line_of_its_own_and_the_exit_status_is_1(server: DnsServer) -> None:
    result = doctor("--mail", "--address", ADDRESS)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("fail  mail:dkim"))
    assert lines[place + 1].strip() == "→ publish, and nothing else at this name:"
    assert lines[place + 2].strip().startswith('d1._domainkey.papers.example. IN TXT "v=DKIM1; k=ed25519; p=')
    assert ("d1._domainkey.papers.example", "TXT") in server.asked


def test_without_the_option_the_dns_is_not_asked(server: DnsServer) -> None:
    assert doctor().exit_code == 0
    assert server.asked == []


def test_the_relay_counts_once_mail_goes_out_by_smtp(publish_key: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_key()
    assert {name for name, state in states("--mail").items() if state == "warn"} == {"spf", "ptr"}
    monkeypatch.setenv("DIGEST_TRANSPORT", "smtp")
    monkeypatch.setenv("DIGEST_SMTP_HOST", "mail.papers.example")
    monkeypatch.setattr("digest.mail.smtp.SmtpTransport.check", lambda _: "answers")
    assert set(states("--mail").values()) == {"ok"}


def test_a_key_that_cannot_be_read_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_DKIM_KEYS", "d1:nowhere.pem")
    assert states("--mail") == {"settings": "fail"}


def test_an_address_that_is_none_is_refused() -> None:
    result = doctor("--mail", "--address", "here")
    assert (result.exit_code, "“here” is no IP address." in result.stderr) == (2, True)


def test_settings_that_cannot_be_read_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_TRANSPORT", "pigeon")
    result = doctor("--mail")
    assert (result.exit_code, len(json.loads(doctor("--mail", "--json").stdout))) == (1, 1)


def test_the_plan_for_warming_up_counts_active_readers(
    shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.database.session() as session:
        for _ in range(3):
            make_subscriber(session, now)
    monkeypatch.setenv("DIGEST_WARM_UP_START", "2999-01-01")
    found = json.loads(doctor("--mail", "--json").stdout)[-1]
    assert (found["check"], found["state"]) == ("mail:warm-up", "ok")
    assert found["detail"] == "3 readers; editions a day at most: 2999-01-01 50"
    monkeypatch.setenv("DIGEST_DATABASE_URL", f"sqlite:///{shop.data_dir / 'new.sqlite3'}")
    assert states("--mail")["warm-up"] == "warn"
