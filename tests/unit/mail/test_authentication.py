"""All checks together against a real name server, whose zone is right but for what a test changes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from dns_server import SERVFAIL, SILENCE, DnsServer

from digest.errors import InvalidRequest
from digest.mail.authentication import check
from digest.mail.findings import Facts, Finding, Key
from digest.mail.resolver import ask_dns

HERE = "45.10.20.30"
KEY = Key("papers.example", "d1", "v=DKIM1; k=ed25519; p=" + "A" * 43 + "=")
FACTS = Facts("papers.example", "bounces.papers.example", "https://papers.example", "mail.papers.example", "", (KEY,))
SPF, PTR = ("bounces.papers.example", "TXT"), ("30.20.10.45.in-addr.arpa", "PTR")
RIGHT = {
    SPF: ['"v=spf1 ip4:45.10.20.30 -all"'],
    PTR: ["mail.papers.example."],
    ("bounces.papers.example", "MX"): ["10 mail.papers.example."],
    ("mail.papers.example", "A"): [HERE],
    ("papers.example", "A"): [HERE],
    ("d1._domainkey.papers.example", "TXT"): [f'"{KEY.record}"'],
    ("_dmarc.papers.example", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:a@papers.example"'],
    ("smtp.relay.example", "A"): ["45.99.0.1"],
    ("spf.relay.example", "TXT"): ['"v=spf1 ip4:45.99.0.0/16 -all"'],
}
Judge = Callable[..., Finding]


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(RIGHT) as made:
        yield made


@pytest.fixture
def judge(server: DnsServer) -> Judge:
    def find(what: str, zone: dict[tuple[str, str], list[str]] | None = None, **changes: str) -> Finding:
        """The one finding on `what`, after changes to the zone and the facts."""
        server.zone = RIGHT | (zone or {})
        found = check(replace(FACTS, **changes), ask_dns([server.address], timeout=2.0))
        (one,) = [finding for finding in found if finding.what == what]
        return one

    return find


def test_where_all_is_right_every_finding_is_well(server: DnsServer) -> None:
    found = check(FACTS, ask_dns([server.address]))
    assert [finding.what for finding in found] == [
        "spf", "dkim", "dmarc", "alignment", "ptr", "bounces", "base_url",
    ]  # fmt: skip
    assert {(finding.state, finding.mend) for finding in found} == {("ok", "")}


def test_where_nothing_is_published_every_finding_says_what_to_publish() -> None:
    with DnsServer({}) as server:
        found = check(replace(FACTS, address=HERE), ask_dns([server.address]))
    states = {finding.what: finding.state for finding in found}
    assert [what for what, state in states.items() if state == "ok"] == ["alignment"]
    records = [line for finding in found for line in finding.mend.splitlines()[1:]]
    assert records == [
        'bounces.papers.example. IN TXT "v=spf1 ip4:45.10.20.30 -all"',
        f'd1._domainkey.papers.example. IN TXT "{KEY.record}"',
        '_dmarc.papers.example. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@papers.example"',
        "30.20.10.45.in-addr.arpa. IN PTR NAME.",
        "bounces.papers.example. IN MX 10 NAME.",
        "papers.example. IN A ADDRESS",
    ]


def test_a_sender_outside_of_the_public_dns_is_all_that_is_said(server: DnsServer) -> None:
    (found,) = check(replace(FACTS, from_domain="localhost"), ask_dns([server.address]))
    assert (found.what, found.state) == ("from", "fail")
    assert server.asked == []


@pytest.mark.parametrize("answer", [SERVFAIL, SILENCE])
def test_a_server_that_does_not_answer_is_a_warning_and_the_rest_is_checked(judge: Judge, answer: str) -> None:
    broken = {SPF: [answer]}
    found = judge("spf", broken)
    assert (found.state, found.detail.startswith("could not be asked: TXT of bounces")) == ("warn", True)
    assert judge("ptr", broken).state == "ok"


def test_two_records_of_spf_are_merged_in_the_one_to_publish(judge: Judge) -> None:
    found = judge("spf", {SPF: ['"v=spf1 ip4:45.10.20.30 -all"', '"v=spf1 include:spf.relay.example ~all"']})
    assert (found.state, "2 SPF records" in found.detail) == ("fail", True)
    line = found.mend.splitlines()[1]
    assert {"ip4:45.10.20.30", "include:spf.relay.example", '-all"'} <= set(line.split(" "))


@pytest.mark.parametrize("terms", ["+all", "all", "include:open.example -all", "redirect=open.example"])
def test_a_record_that_permits_everybody_fails(judge: Judge, terms: str) -> None:
    zone = {SPF: [f'"v=spf1 {terms}"'], ("open.example", "TXT"): ['"v=spf1 ip4:0.0.0.0/0"']}
    found = judge("spf", zone)
    assert (found.state, "everybody may send" in found.detail) == ("fail", True)


def test_a_record_that_leaves_our_server_out_fails_and_is_mended(judge: Judge) -> None:
    found = judge("spf", {SPF: ['"v=spf1 mx:other.example ~all"']})
    assert (found.state, found.detail.startswith(f"{HERE}: softfail")) == ("fail", True)
    assert found.mend.splitlines()[1].endswith('"v=spf1 ip4:45.10.20.30 mx:other.example ~all"')


def test_an_include_that_permits_is_well(judge: Judge) -> None:
    found = judge("spf", {SPF: ['"v=spf1 include:spf.relay.example -all"']}, relay_host="smtp.relay.example")
    assert (found.state, found.detail) == (
        "ok",
        "45.99.0.1: pass, “include:spf.relay.example” of bounces.papers.example",
    )


def test_a_chain_of_includes_that_is_too_long_fails(judge: Judge) -> None:
    chain = {(f"c{n}.example", "TXT"): [f'"v=spf1 include:c{n + 1}.example -all"'] for n in range(11)}
    found = judge("spf", {SPF: ['"v=spf1 include:c0.example -all"'], **chain})
    assert (found.state, "more than 10 lookups" in found.detail) == ("fail", True)
    found = judge("spf", {SPF: ['"v=spf1 include:c0.example -all"'], **chain}, relay_host="")
    assert found.state == "fail"


def test_of_somebody_elses_relay_the_include_is_asked_for(judge: Judge) -> None:
    found = judge("spf", relay_host="smtp.relay.example")
    assert found.state == "warn"
    assert "smtp.relay.example is somebody else's relay" in found.detail
    assert "include:" in found.mend
    assert "--address" in found.mend
    missing = judge("spf", {SPF: []}, relay_host="smtp.relay.example")
    assert (missing.state, "include:" in missing.mend) == ("fail", True)


@pytest.mark.parametrize("relay", ["localhost", "127.0.0.1", "10.0.0.5", "postfix", ""])
def test_of_a_relay_without_public_address_it_is_said_that_it_cannot_be_told(judge: Judge, relay: str) -> None:
    for what in ("spf", "ptr"):
        found = judge(what, relay_host=relay)
        assert (found.state, "cannot be told" in found.detail, "--address" in found.mend) == ("warn", True, True)
    assert "ip4:ADDRESS" in judge("spf", {SPF: []}, relay_host=relay).mend


def test_an_address_that_is_told_decides(judge: Judge) -> None:
    assert judge("spf", relay_host="localhost", address=HERE).state == "ok"
    assert judge("spf", relay_host="localhost", address="45.10.20.31").state == "fail"
    with pytest.raises(InvalidRequest, match="no IP address"):
        judge("spf", address="mail.papers.example")


def test_a_name_that_does_not_lead_back_fails(judge: Judge) -> None:
    found = judge("ptr", {PTR: ["host.elsewhere.example."]})
    assert (found.state, "do not lead back" in found.detail) == ("fail", True)
    assert found.mend.splitlines()[1] == f"host.elsewhere.example. IN A {HERE}"
    assert judge("ptr", {PTR: []}).state == "fail"
    assert judge("ptr", relay_host="smtp.relay.example").state == "warn"


def test_a_newer_address_is_confirmed_as_well(judge: Judge) -> None:
    reverse = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.0.0.6.2.ip6.arpa"
    zone = {(reverse, "PTR"): ["six.papers.example."], ("six.papers.example", "AAAA"): ["2600:1:2::7"]}
    assert judge("ptr", zone, address="2600:1:2::7").detail == "2600:1:2::7 is six.papers.example, and back"
    assert judge("ptr", {(reverse, "PTR"): ["x.example."]}, address="2600:1:2::7").mend.endswith("AAAA 2600:1:2::7")


@pytest.mark.parametrize(
    ("mx", "address", "state", "said"),
    [
        ([], [HERE], "ok", "takes mail at bounces.papers.example"),
        ([], [], "fail", "neither MX nor address"),
        (["0 ."], [], "fail", "takes no mail"),
        (["10 nowhere.example."], [], "fail", "nowhere.example has no address"),
    ],
)
def test_bounces_need_a_host(judge: Judge, mx: list[str], address: list[str], state: str, said: str) -> None:
    zone = {("bounces.papers.example", "MX"): mx, ("bounces.papers.example", "A"): address}
    found = judge("bounces", zone)
    assert (found.state, said in found.detail) == (state, True)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("http://papers.example", "fail"),
        ("https://nowhere.example", "fail"),
        ("https://localhost", "fail"),
        ("https://papers.example:8443/x", "ok"),
        ("https://45.10.20.30", "ok"),
    ],
)
def test_links_must_be_https_and_lead_somewhere(judge: Judge, url: str, state: str) -> None:
    found = judge("base_url", base_url=url)
    assert (found.state, bool(found.mend)) == (state, state == "fail")


def test_an_envelope_of_another_domain_fails_when_nothing_is_signed(judge: Judge) -> None:
    changes = {"envelope_domain": "relay.example"}
    assert judge("alignment", **changes).state == "ok"
    found = judge("alignment", keys=(), **changes)
    assert (found.state, "DIGEST_BOUNCE_ADDRESS" in found.mend) == ("fail", True)
