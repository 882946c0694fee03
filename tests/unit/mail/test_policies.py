"""DKIM, DMARC and alignment, asked of a real name server."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dns_server import DnsServer

from digest.mail.findings import Facts, Finding, Key
from digest.mail.policies import check_alignment, check_dkim, check_dmarc, check_key, find_policy
from digest.mail.resolver import Lookup, ask_dns

NAME = "d1._domainkey.papers.example"
FACTS = Facts("news.papers.example", "bounces.papers.example", "https://papers.example")


@cache
def make_public(bits: int = 2048) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def record(public: str) -> str:
    return f"v=DKIM1; k=rsa; p={public}"


def written(text: str) -> str:
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer({}) as made:
        yield made


@pytest.fixture
def publish(server: DnsServer) -> Callable[..., Lookup]:
    def put(**texts: list[str]) -> Lookup:
        """A lookup in a zone of texts; in a name "__" stands for a dot."""
        server.zone = {(name.replace("__", "."), "TXT"): list(map(written, many)) for name, many in texts.items()}
        return ask_dns([server.address])

    return put


def judge_key(server: DnsServer, *texts: str, public: str = "") -> Finding:
    server.zone = {(NAME, "TXT"): list(map(written, texts))} if texts else {}
    key = Key("papers.example", "d1", record(public or make_public()))
    (found,) = check_key(key, ask_dns([server.address]))
    return found


def test_a_published_key_in_several_strings_is_well(server: DnsServer) -> None:
    found = judge_key(server, record(make_public()))
    assert (found.state, found.detail) == ("ok", f"{NAME} publishes the key that signs (RSA, 2048 bits)")


def test_a_record_may_leave_out_what_goes_without_saying(server: DnsServer) -> None:
    assert judge_key(server, f"p={make_public()}").state == "ok"


def test_an_ed25519_key_is_compared_as_well(server: DnsServer) -> None:
    public = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    text = f"v=DKIM1; k=ed25519; p={public}"
    server.zone = {(NAME, "TXT"): [written(text)]}
    (found,) = check_key(Key("papers.example", "d1", text), ask_dns([server.address]))
    assert (found.state, found.detail) == ("ok", f"{NAME} publishes the key that signs (ed25519)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=DKIM1; k=rsa; p=", "revoked"),
        ("v=DKIM1; k=rsa", "no p="),
        ("v=DKIM2; p=abc", "not DKIM1"),
        ("v=DKIM1; k=ed25519; p=abc", "but the key that signs is rsa"),
        ("v=DKIM1; h=sha1; p=abc", "leaves out sha256"),
        ("v=DKIM1; s=other; p=abc", "is not for mail"),
        ("v=DKIM1; p=abc", "another key's public half"),
        ("a sentence", "cannot be read"),
    ],
)
def test_a_wrong_record_fails_and_the_right_one_is_given(server: DnsServer, text: str, said: str) -> None:
    found = judge_key(server, text)
    assert (found.state, said in found.detail) == ("fail", True)
    assert found.mend.splitlines()[1] == f"{NAME}. IN TXT {written(record(make_public()))}"


def test_a_missing_record_and_two_records_fail(server: DnsServer) -> None:
    assert judge_key(server).detail == f"{NAME} has no record"
    found = judge_key(server, record(make_public()), "v=DKIM1; p=")
    assert (found.state, "has 2 records" in found.detail) == ("fail", True)


def test_an_alias_is_followed_and_named_when_it_leads_nowhere(server: DnsServer) -> None:
    key = Key("papers.example", "d1", record(make_public()))
    server.zone = {(NAME, "CNAME"): ["d1.relay.example."]}
    (found,) = check_key(key, ask_dns([server.address]))
    assert found.detail == f"{NAME} is an alias of d1.relay.example, which has no record"
    server.zone = {**server.zone, ("d1.relay.example", "TXT"): [written(key.record)]}
    (found,) = check_key(key, ask_dns([server.address]))
    assert found.state == "ok"


def test_a_short_key_and_a_domain_in_test_are_warnings(server: DnsServer) -> None:
    found = judge_key(server, record(make_public(1024)), public=make_public(1024))
    assert (found.state, "1024 bits" in found.detail) == ("warn", True)
    found = judge_key(server, record(make_public()) + "; t=s:y")
    assert (found.state, "only testing" in found.detail) == ("warn", True)


def test_what_is_no_key_fails(server: DnsServer) -> None:
    assert judge_key(server, record("AAAA"), public="AAAA").state == "fail"


def test_without_a_key_it_is_said_how_one_is_made(publish: Callable[..., Lookup]) -> None:
    (found,) = check_dkim(FACTS, publish())
    assert (found.state, "openssl genrsa" in found.mend, "DIGEST_DKIM_KEYS" in found.mend) == ("warn", True, True)
    key = Key("papers.example", "d1", record(make_public()))
    assert list(check_dkim(replace(FACTS, keys=(key,)), publish())) == []


def judge_policy(lookup: Lookup) -> Finding:
    (found,) = check_dmarc(FACTS, lookup)
    return found


def test_a_policy_of_the_domain_counts_before_its_parents(publish: Callable[..., Lookup]) -> None:
    own, parent = ["v=DMARC1; p=quarantine; rua=mailto:a@papers.example"], ["v=DMARC1; p=none"]
    found = judge_policy(publish(_dmarc__news__papers__example=own, _dmarc__papers__example=parent))
    assert found.state == "ok"
    assert found.detail == "_dmarc.news.papers.example: policy quarantine, reports to mailto:a@papers.example"


def test_a_policy_of_the_parent_counts_with_what_it_says_of_children(publish: Callable[..., Lookup]) -> None:
    found = judge_policy(publish(_dmarc__papers__example=["v=DMARC1; p=none; sp=reject"]))
    assert (found.state, found.detail) == ("ok", "_dmarc.papers.example: policy reject, no reports asked for (rua=)")


def test_no_policy_fails_and_one_is_given(publish: Callable[..., Lookup]) -> None:
    found = judge_policy(publish(_dmarc__news__papers__example=["v=DMARC10; p=none"]))
    assert found.state == "fail"
    text = "v=DMARC1; p=none; rua=mailto:postmaster@news.papers.example"
    assert found.mend.splitlines()[1] == f'_dmarc.news.papers.example. IN TXT "{text}"'


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "has 2 records"),
        (["v=DMARC1; rua=mailto:a@papers.example"], "is missing"),
        (["v=DMARC1; p=maybe"], "p=maybe is no policy"),
        (["v=DMARC1; p=none; what"], "cannot be read"),
    ],
)
def test_a_policy_that_receivers_do_not_take_fails(publish: Callable[..., Lookup], texts: list[str], said: str) -> None:
    found = judge_policy(publish(_dmarc__news__papers__example=texts))
    assert (found.state, said in found.detail, bool(found.mend)) == ("fail", True, True)


@pytest.mark.parametrize(
    ("texts", "organisation"),
    [
        ({}, "a.b.papers.example"),
        ({"papers.example": "v=DMARC1; p=none"}, "papers.example"),
        ({"b.papers.example": "v=DMARC1; p=none", "papers.example": "v=DMARC1; p=none"}, "papers.example"),
        ({"b.papers.example": "v=DMARC1; psd=n; p=none", "papers.example": "v=DMARC1; p=none"}, "b.papers.example"),
        ({"papers.example": "v=DMARC1; psd=y; p=none"}, "b.papers.example"),
    ],
)
def test_the_organisation_is_found_by_walking_up(server: DnsServer, texts: dict[str, str], organisation: str) -> None:
    server.zone = {(f"_dmarc.{name}", "TXT"): [f'"{text}"'] for name, text in texts.items()}
    assert find_policy("A.b.papers.example", ask_dns([server.address])).organisation == organisation


def test_a_long_name_is_not_asked_at_every_label(server: DnsServer) -> None:
    find_policy("a.b.c.d.e.f.g.h.i.papers.example", ask_dns([server.address]))
    asked = [name for name, _ in server.asked]
    assert len(asked) == 7
    assert asked[1] == "_dmarc.e.f.g.h.i.papers.example"
    assert asked[-1] == "_dmarc.papers.example"


def align(lookup: Lookup, author: str, envelope: str, *signers: str) -> Finding:
    keys = tuple(Key(domain, "d1", "v=DKIM1; p=x") for domain in signers)
    facts = Facts(author, envelope, "https://papers.example", keys=keys)
    (found,) = check_alignment(facts, lookup)
    return found


@pytest.mark.parametrize(
    ("domains", "state"),
    [
        (["papers.example", "papers.example"], "ok"),
        (["papers.example", "Bounces.papers.example"], "ok"),
        (["news.papers.example", "papers.example"], "ok"),
        (["news.papers.example", "bounces.papers.example"], "ok"),
        (["papers.example", "relay.example"], "fail"),
        (["papers.example", "otherpapers.example"], "fail"),
        (["papers.example", "relay.example", "other.example"], "fail"),
        (["papers.example", "relay.example", "mail.papers.example"], "ok"),
    ],
)
def test_one_of_envelope_and_signatures_must_belong_to_from(
    publish: Callable[..., Lookup], domains: list[str], state: str
) -> None:
    assert align(publish(_dmarc__papers__example=["v=DMARC1; p=none"]), *domains).state == state


def test_a_strict_policy_takes_the_same_domain_alone(publish: Callable[..., Lookup]) -> None:
    lookup = publish(_dmarc__papers__example=["v=DMARC1; p=none; aspf=s; adkim=s"])
    assert align(lookup, "papers.example", "bounces.papers.example", "d.papers.example").state == "fail"
    found = align(lookup, "papers.example", "bounces.papers.example", "papers.example")
    assert found.detail == "From papers.example is vouched for: DKIM by papers.example"
