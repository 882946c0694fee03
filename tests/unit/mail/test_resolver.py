"""The lookup against a real name server: answers, absence, silence."""

import pytest
from dns.resolver import NoResolverConfiguration, Resolver
from dns_server import SERVFAIL, SILENCE, DnsServer

from digest.errors import TransientError
from digest.mail.resolver import Kind, ask_dns

LONG = "v=DKIM1; p=" + "A" * 400
ZONE = {
    ("papers.example", "TXT"): ['"v=spf1 -all"', '"another"'],
    ("long.example", "TXT"): [f'"{LONG[:255]}" "{LONG[255:]}"'],
    ("papers.example", "MX"): ["10 mx.papers.example.", "20 mx2.papers.example."],
    ("papers.example", "A"): ["45.10.20.30"],
    ("papers.example", "AAAA"): ["2600:1:2::7"],
    ("none.example", "MX"): ["0 ."],
    ("30.20.10.45.in-addr.arpa", "PTR"): ["mx.papers.example."],
    ("alias.example", "CNAME"): ["long.example."],
    ("broken.example", "TXT"): [SERVFAIL],
    ("silent.example", "TXT"): [SILENCE],
}


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("papers.example", "TXT", ["another", "v=spf1 -all"]),
        ("long.example", "TXT", [LONG]),
        ("alias.example", "TXT", [LONG]),
        ("alias.example", "CNAME", ["long.example"]),
        ("papers.example", "MX", ["10 mx.papers.example", "20 mx2.papers.example"]),
        ("none.example", "MX", ["0 ."]),
        ("papers.example.", "A", ["45.10.20.30"]),
        ("papers.example", "AAAA", ["2600:1:2::7"]),
        ("30.20.10.45.in-addr.arpa", "PTR", ["mx.papers.example"]),
        ("nobody.example", "A", []),
        ("long.example", "MX", []),
        ("a..example", "A", []),
        ("x" * 64 + ".example", "A", []),
    ],
)
def test_answers_are_texts_and_what_is_not_there_is_an_empty_list(name: str, kind: Kind, wanted: list[str]) -> None:
    with DnsServer(ZONE) as server:
        assert sorted(ask_dns([server.address])(name, kind)) == wanted


@pytest.mark.parametrize("name", ["broken.example", "silent.example"])
def test_a_server_that_does_not_answer_is_a_transient_error(name: str) -> None:
    with DnsServer(ZONE) as server, pytest.raises(TransientError, match=f"TXT of {name}: ."):
        ask_dns([server.address], timeout=0.3)(name, "TXT")


def test_a_question_is_asked_once() -> None:
    with DnsServer(ZONE) as server:
        lookup = ask_dns([server.address])
        assert lookup("papers.example", "A") == lookup("papers.example", "A")
        assert server.asked == [("papers.example", "A")]


def test_without_a_name_server_every_question_is_a_transient_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NoResolverConfiguration

    monkeypatch.setattr(Resolver, "read_resolv_conf", fail)
    with pytest.raises(TransientError, match=r"A of papers\.example"):
        ask_dns()("papers.example", "A")
