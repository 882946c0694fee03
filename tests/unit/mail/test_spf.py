"""SPF as RFC 7208 has it."""

from ipaddress import ip_address

import pytest

from digest.errors import PermanentError
from digest.mail.resolver import Kind, Lookup
from digest.mail.spf import Verdict, evaluate, read_record

HERE, HERE_TOO = ip_address("45.10.20.30"), ip_address("2600:1:2::7")


def answer(zone: dict[tuple[str, str], list[str]]) -> Lookup:
    def lookup(name: str, kind: Kind) -> list[str]:
        return zone.get((name.lower(), kind), [])

    return lookup


HOSTS = {
    ("papers.example", "A"): ["45.10.20.30"],
    ("papers.example", "AAAA"): ["2600:1:2::7"],
    ("near.example", "A"): ["45.10.20.99"],
    ("papers.example", "MX"): ["10 mx.example"],
    ("mx.example", "A"): ["45.10.20.30"],
    ("30.20.10.45.in-addr.arpa", "PTR"): ["liar.example", "mail.papers.example"],
    ("mail.papers.example", "A"): ["45.10.20.30"],
    ("30.20.10.45.allowed.example", "A"): ["127.0.0.2"],
    ("yes.example", "TXT"): ["v=spf1 ip4:45.10.20.0/24 -all"],
    ("no.example", "TXT"): ["v=spf1 -all"],
    ("loop.example", "TXT"): ["v=spf1 include:loop.example -all"],
    ("two.example", "TXT"): ["v=spf1 -all", "v=spf1 +all"],
    **{(f"chain{n}.example", "TXT"): [f"v=spf1 include:chain{n + 1}.example -all"] for n in range(12)},
    ("chain12.example", "TXT"): ["v=spf1 +all"],
    ("many.example", "MX"): [f"{n} mx{n}.example" for n in range(11)],
}


def judge(text: str, address: str = "45.10.20.30") -> Verdict:
    zone = HOSTS | {("papers.example", "TXT"): ["something else", text]}
    return evaluate(ip_address(address), "bounces@papers.example", answer(zone))


@pytest.mark.parametrize(
    ("terms", "result"),
    [
        ("ip4:45.10.20.30 -all", "pass"),
        ("IP4:45.10.20.0/28 -ALL", "fail"),
        ("ip4:45.10.20.0/24 -all", "pass"),
        ("-ip4:45.10.20.30 +all", "fail"),
        ("a -all", "pass"),
        ("a:near.example -all", "fail"),
        ("a:near.example/24 -all", "pass"),
        ("a/24//64 -all", "pass"),
        ("mx -all", "pass"),
        ("mx:mx.example ~all", "softfail"),
        ("ptr -all", "pass"),
        ("ptr:elsewhere.example ?all", "neutral"),
        ("exists:%{ir}.allowed.example -all", "pass"),
        ("exists:%{i}.allowed.example -all", "fail"),
        ("include:yes.example -all", "pass"),
        ("include:no.example ~all", "softfail"),
        ("redirect=yes.example", "pass"),
        ("redirect=no.example", "fail"),
        ("-all redirect=yes.example", "fail"),
        ("include:no.example", "neutral"),
        ("exp=why.example unknown=thing all", "pass"),
        ("", "neutral"),
        ("include:nowhere.example -all", "permerror"),
        ("redirect=nowhere.example", "permerror"),
        ("include:loop.example -all", "permerror"),
        ("include:two.example -all", "permerror"),
        ("include:chain0.example -all", "permerror"),
        ("include:chain3.example -all", "pass"),
        ("mx:many.example -all", "permerror"),
        ("a:x.example a:y.example a:z.example ip4:45.10.20.30 -all", "permerror"),
        ("a:x.example a:y.example ip4:45.10.20.30 -all", "pass"),
        ("ip4:45.10.20.30 nonsense", "permerror"),
        ("ip4:45.10.20.300 -all", "permerror"),
        ("a/33 -all", "permerror"),
        ("all:x -all", "permerror"),
        ("include: -all", "permerror"),
        ("ip4 -all", "permerror"),
    ],
)
def test_the_result_is_that_of_the_first_term_that_matches(terms: str, result: str) -> None:
    assert judge(f"v=spf1 {terms}".strip()).result == result


@pytest.mark.parametrize(
    ("terms", "result"),
    [("ip6:2600:1:2::/48 -all", "pass"), ("a//64 -all", "pass"), ("ip4:45.10.20.30 -all", "fail")],
)
def test_the_newer_addresses_are_judged_as_well(terms: str, result: str) -> None:
    assert judge(f"v=spf1 {terms}", "2600:1:2::7").result == result


def test_a_verdict_names_the_term_and_its_domain() -> None:
    assert judge("v=spf1 include:no.example ~all").reason == "“~all” of papers.example"
    assert "take more than 10 lookups" in judge("v=spf1 include:chain0.example -all").reason


def test_a_domain_without_a_record_is_none_and_with_two_a_fault() -> None:
    assert evaluate(HERE, "bounces@nowhere.example", answer(HOSTS)).result == "none"
    assert evaluate(HERE, "bounces@two.example", answer(HOSTS)).reason == "two.example has 2 SPF records"


@pytest.mark.parametrize(
    ("macro", "name"),
    [
        ("%{s}", "bounces@papers.example"),
        ("%{l}.%{o}", "bounces.papers.example"),
        ("%{d1}.x%%%-", "example.x%%20"),
        ("%{dr}", "example.papers"),
        ("%{ir}.%{v}._spf", "30.20.10.45.in-addr._spf"),
    ],
)
def test_macros_are_replaced(macro: str, name: str) -> None:
    zone = {("papers.example", "TXT"): [f"v=spf1 exists:{macro} -all"], (name, "A"): ["127.0.0.2"]}
    assert evaluate(HERE, "bounces@papers.example", answer(zone)).result == "pass"


def test_the_macro_of_a_newer_address_is_its_nibbles() -> None:
    name = "2.6.0.0.0.0.0.1.0.0.0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.ip6.x"
    zone = {("papers.example", "TXT"): ["v=spf1 exists:%{i}.%{v}.x -all"], (name, "A"): ["127.0.0.2"]}
    assert evaluate(HERE_TOO, "bounces@papers.example", answer(zone)).result == "pass"


def test_a_record_is_read_whole_before_it_is_used() -> None:
    with pytest.raises(PermanentError, match="“nonsense” is no term"):
        read_record("v=spf1 all nonsense")
