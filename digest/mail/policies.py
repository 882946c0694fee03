"""What receivers find in the DNS about DKIM and DMARC, and whether From fits what these vouch for (alignment)."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from digest.errors import PermanentError
from digest.mail.findings import Facts, Finding, Key, read_tags, write_txt
from digest.mail.resolver import Lookup

FEWEST_BITS, ADVISED_BITS = 1024, 2048  # RFC 8301 3.2
MAKE_KEY = "openssl genrsa -out dkim.pem 2048, then set DIGEST_DKIM_KEYS=selector:dkim.pem and run this again"
POLICIES = {"none", "quarantine", "reject"}
MOST_LABELS, FEWEST_LABELS = 7, 2  # of a name in the tree walk; one label is no organisation


@dataclass(frozen=True, slots=True)
class Policy:
    """DMARC for a domain: its organisational domain, and where which records count for it."""

    organisation: str
    name: str
    texts: tuple[str, ...]


def check_dkim(facts: Facts, _lookup: Lookup) -> Iterator[Finding]:
    """Says so when there is no key; each key is looked at by `check_key`."""
    if not facts.keys:
        yield Finding("dkim", "warn", "no key: mail goes out unsigned, and large receivers refuse it", MAKE_KEY)


def check_key(key: Key, lookup: Lookup) -> Iterator[Finding]:
    """Whether the selector's record is there and publishes the public half of the key that signs."""
    publish = f"publish, and nothing else at this name:\n{write_txt(key.name, key.record)}"
    texts = lookup(key.name, "TXT")
    if not texts:
        alias = lookup(key.name, "CNAME")
        where = f"is an alias of {alias[0]}, which has no record" if alias else "has no record"
        yield Finding("dkim", "fail", f"{key.name} {where}", publish)
    elif len(texts) > 1:
        yield Finding("dkim", "fail", f"{key.name} has {len(texts)} records: receivers take any of them", publish)
    elif fault := _find_fault(key, texts[0]):
        yield Finding("dkim", "fail", f"{key.name}: {fault}", publish)
    else:
        yield from _find_weakness(key, read_tags(texts[0]))


def _find_fault(key: Key, text: str) -> str:
    ours = read_tags(key.record)
    try:
        tags = read_tags(text)
    except PermanentError as error:
        return f"the record cannot be read: {error}"
    kind, wanted = tags.get("k", "rsa"), ours.get("k", "rsa")
    faults = {
        f"v={tags.get('v')} is not DKIM1": tags.get("v", "DKIM1") != "DKIM1",
        "the record has no p=": "p" not in tags,
        "the key is revoked (p= is empty)": tags.get("p") == "",
        f"k={kind}, but the key that signs is {wanted}": kind != wanted,
        f"h={tags.get('h')} leaves out sha256": "sha256" not in tags.get("h", "sha256").split(":"),
        f"s={tags.get('s')} is not for mail": not {"*", "email"} & set(tags.get("s", "*").split(":")),
        "p= is another key's public half than of the one that signs": tags.get("p") != ours["p"],
    }
    return next((fault for fault, there in faults.items() if there), "")


def _find_weakness(key: Key, tags: dict[str, str]) -> Iterator[Finding]:
    bits = _count_bits(tags["p"]) if tags.get("k", "rsa") == "rsa" else 0
    size = f"RSA, {bits} bits" if bits else tags.get("k", "")
    if bits and bits < FEWEST_BITS:
        yield Finding("dkim", "fail", f"{key.name}: {bits} bits, receivers want {FEWEST_BITS}", MAKE_KEY)
    elif bits and bits < ADVISED_BITS:
        yield Finding("dkim", "warn", f"{key.name}: {bits} bits, {ADVISED_BITS} are advised", MAKE_KEY)
    elif "y" in tags.get("t", "").split(":"):
        mend = f"publish without it:\n{write_txt(key.name, key.record)}"
        yield Finding("dkim", "warn", f"{key.name}: t=y says that the domain is only testing", mend)
    else:
        yield Finding("dkim", "ok", f"{key.name} publishes the key that signs ({size})")


def _count_bits(public: str) -> int:
    """Bits of an RSA key in base64; 1 when it is none, which no receiver takes."""
    try:
        key = load_der_public_key(base64.b64decode(public, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return 1
    return key.key_size if isinstance(key, RSAPublicKey) else 1


def find_policy(domain: str, lookup: Lookup) -> Policy:
    """The DMARC policy of a domain by the tree walk of RFC 9989 4.10: its own, else that of its organisation."""
    domain = domain.lower()
    found: dict[str, tuple[str, ...]] = {}
    below = organisation = domain
    for name in _climb(domain):
        if texts := _find_records(name, lookup):
            suffix = _is_suffix(texts)
            organisation = below if suffix == "y" else name
            found[name] = texts
            if suffix in {"y", "n"} and (name != domain or suffix == "n"):
                break
        below = name
    holder = next((name for name in (domain, organisation, *found) if name in found), "")
    return Policy(organisation, holder, found.get(holder, ()))


def _find_records(name: str, lookup: Lookup) -> tuple[str, ...]:
    texts = lookup(f"_dmarc.{name}", "TXT")
    return tuple(text for text in texts if "".join(text.partition(";")[0].split()) == "v=DMARC1")


def _is_suffix(texts: tuple[str, ...]) -> str:
    """The tag psd: "y" at a public suffix, "n" at an organisation, "u" when nothing is said."""
    return _try_tags(texts).get("psd", "u").lower()


def _try_tags(texts: tuple[str, ...]) -> dict[str, str]:
    try:
        return read_tags(texts[0]) if len(texts) == 1 else {}
    except PermanentError:
        return {}


def _climb(domain: str) -> list[str]:
    labels = domain.split(".")
    lengths = range(min(len(labels) - 1, MOST_LABELS), FEWEST_LABELS - 1, -1)
    return [domain, *(".".join(labels[-length:]) for length in lengths)]


def check_dmarc(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether exactly one policy holds for From's domain, its own or that of a domain above it."""
    text = f"v=DMARC1; p=none; rua=mailto:postmaster@{facts.from_domain}"
    publish = f"publish, with a mailbox that you read:\n{write_txt(f'_dmarc.{facts.from_domain}', text)}"
    policy = find_policy(facts.from_domain, lookup)
    if not policy.texts:
        yield Finding("dmarc", "fail", f"_dmarc.{facts.from_domain} has no record, nor any name above it", publish)
        return
    if len(policy.texts) > 1:
        mend = f"leave one, for instance:\n{write_txt(f'_dmarc.{policy.name}', policy.texts[0])}"
        detail = f"_dmarc.{policy.name} has {len(policy.texts)} records: receivers use none"
        yield Finding("dmarc", "fail", detail, mend)
        return
    yield _judge_policy(facts, policy.name, policy.texts[0], publish)


def _judge_policy(facts: Facts, name: str, text: str, publish: str) -> Finding:
    try:
        tags = read_tags(text)
    except PermanentError as error:
        return Finding("dmarc", "fail", f"_dmarc.{name} cannot be read: {error}", publish)
    policy = tags.get("p", "")
    if policy.lower() not in POLICIES:
        return Finding("dmarc", "fail", f"_dmarc.{name}: p={policy or ' is missing'} is no policy", publish)
    if name != facts.from_domain.lower():
        policy = tags.get("sp", policy)
    reports = f"reports to {tags['rua']}" if "rua" in tags else "no reports asked for (rua=)"
    return Finding("dmarc", "ok", f"_dmarc.{name}: policy {policy}, {reports}")


def check_alignment(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether From's domain is that of the envelope or of a signature; without one of them DMARC fails."""
    policy = find_policy(facts.from_domain, lookup)
    tags = _try_tags(policy.texts)
    strict = {way: tags.get(tag, "r").lower() == "s" for way, tag in (("SPF", "aspf"), ("DKIM", "adkim"))}
    pairs = [("SPF", facts.envelope_domain), *(("DKIM", key.domain) for key in facts.keys)]
    good = [
        f"{way} by {domain}"
        for way, domain in dict.fromkeys(pairs)
        if _fits(facts.from_domain, domain, strict=strict[way])
        or (not strict[way] and policy.organisation == find_policy(domain, lookup).organisation)
    ]
    others = ", ".join(f"{way} vouches for {domain}" for way, domain in dict.fromkeys(pairs))
    if good:
        yield Finding("alignment", "ok", f"From {facts.from_domain} is vouched for: {', '.join(good)}")
    else:
        mend = "set DIGEST_BOUNCE_ADDRESS to a mailbox in From's domain, or sign with a key for it (DIGEST_DKIM_DOMAIN)"
        yield Finding("alignment", "fail", f"From {facts.from_domain}, but {others}", mend)


def _fits(author: str, other: str, *, strict: bool) -> bool:
    first, second = f".{author.lower()}", f".{other.lower()}"
    return first == second or (not strict and (first.endswith(second) or second.endswith(first)))
