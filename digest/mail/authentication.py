"""Checks by DNS what receivers will check: may this service send for its domain, and do answers come back?

Every finding that is not well says what to publish. The DNS is asked by a `Lookup`; one that does not answer makes a
warning.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

from digest.errors import InvalidRequest, TransientError
from digest.mail import policies, spf
from digest.mail.findings import Facts, Finding, write_txt
from digest.mail.resolver import Lookup

STRANGER = IPv4Address("192.0.2.1")  # an address of documentation, RFC 5737: nobody sends from it
TELL = "name the address that mail leaves from: digest doctor --mail --address ADDRESS"
OTHERS_RELAY = "a provider sends from addresses of its own: add the include: that it documents to the record"

Check = Callable[[Facts, Lookup], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where mail leaves from: public addresses, and whether they are known or only those of a provider's front door."""

    addresses: tuple[spf.IPAddress, ...]
    certain: bool


def check(facts: Facts, lookup: Lookup) -> list[Finding]:
    """All findings; raises InvalidRequest when `facts.address` is no IP address.

    A check whose question nobody answers is a warning, and keeps no other from being made.
    """
    if "." not in facts.from_domain.strip("."):
        detail = f"{facts.from_domain} is no domain of the public DNS"
        return [Finding("from", "fail", detail, "set DIGEST_MAIL_FROM to an address of a domain of yours")]
    checks: list[tuple[str, Check]] = [("spf", check_spf), ("dkim", policies.check_dkim)]
    checks += [("dkim", _of_key(place)) for place in range(len(facts.keys))]
    checks += [("dmarc", policies.check_dmarc), ("alignment", policies.check_alignment)]
    checks += [("ptr", check_reverse), ("bounces", check_bounces), ("base_url", check_base_url)]
    return [finding for what, one in checks for finding in _guard(what, partial(one, facts, lookup))]


def _of_key(place: int) -> Check:
    return lambda facts, lookup: policies.check_key(facts.keys[place], lookup)


def _guard(what: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except TransientError as error:
        yield Finding(
            what, "warn", f"could not be asked: {error}", "see if this machine's name server works, try again"
        )


def _find_origin(facts: Facts, lookup: Lookup) -> _Origin:
    if facts.address:
        return _Origin((_read_address(facts.address),), certain=True)
    host = facts.relay_host.lower().rstrip(".")
    try:
        found, certain = [ip_address(host)], True
    except ValueError:
        names = [*lookup(host, "A"), *lookup(host, "AAAA")] if "." in host else []
        found = [ip_address(name) for name in names]
        certain = _home(host) in {_home(facts.from_domain), _home(facts.envelope_domain)}
    return _Origin(tuple(address for address in found if address.is_global), certain)


def _read_address(text: str) -> spf.IPAddress:
    try:
        return ip_address(text)
    except ValueError as error:
        raise InvalidRequest(f"“{text}” is no IP address.") from error


def _home(domain: str) -> str:
    return ".".join(domain.lower().split(".")[-2:])


def check_spf(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether the envelope's domain has one record that permits the addresses mail leaves from, and not everybody."""
    domain = facts.envelope_domain
    origin = _find_origin(facts, lookup)
    records = spf.find_records(domain, lookup)
    publish = f"publish:\n{write_txt(domain, _compose_spf(records, origin))}"
    if not origin.certain and origin.addresses:
        publish = f"{OTHERS_RELAY}; if it is your own server, {publish}"
    elif not origin.addresses:
        publish = f"put your mail server's address for ADDRESS, or the include: of your provider; {publish}"
    if not records:
        yield Finding("spf", "fail", f"{domain} has no SPF record", publish)
    elif len(records) > 1:
        yield Finding("spf", "fail", f"{domain} has {len(records)} SPF records: receivers take none", publish)
    else:
        yield _judge_spf(facts, origin, lookup, publish)


def _judge_spf(facts: Facts, origin: _Origin, lookup: Lookup, publish: str) -> Finding:
    sender = f"bounces@{facts.envelope_domain}"
    stranger = spf.evaluate(STRANGER, sender, lookup)
    if stranger.result == "pass":
        return Finding("spf", "fail", f"everybody may send for {facts.envelope_domain}: {stranger.reason}", publish)
    if not origin.addresses:
        return _judge_unknown(facts, stranger, publish)
    verdicts = {address: spf.evaluate(address, sender, lookup) for address in origin.addresses}
    refused = {address: verdict for address, verdict in verdicts.items() if verdict.result != "pass"}
    told = "; ".join(f"{address}: {verdict.result}, {verdict.reason}" for address, verdict in verdicts.items())
    if refused and (origin.certain or any(verdict.result == "permerror" for verdict in refused.values())):
        return Finding("spf", "fail", told, publish)
    if refused:
        return Finding("spf", "warn", f"{facts.relay_host} is somebody else's relay. {told}", f"{TELL}; {publish}")
    return Finding("spf", "ok", told)


def _judge_unknown(facts: Facts, stranger: spf.Verdict, publish: str) -> Finding:
    if stranger.result == "permerror":
        return Finding("spf", "fail", f"{facts.envelope_domain}: {stranger.reason}", publish)
    relay = f"the relay {facts.relay_host} has no public address" if facts.relay_host else "no relay is set"
    return Finding("spf", "warn", f"one record; {relay}, so whether it permits yours cannot be told", TELL)


def _compose_spf(records: list[str], origin: _Origin) -> str:
    """One record of all that there is, with the addresses of `origin`, that permits nobody else."""
    wanted = [f"ip{address.version}:{address}" for address in origin.addresses]
    if not wanted and not records:
        wanted = ["ip4:ADDRESS"]
    words = dict.fromkeys([*wanted, *(word for text in records for word in text.split()[1:])])
    kept = [word for word in words if word.lower().lstrip("+-~?") != "all"]
    ending = [] if any(word.lower().startswith("redirect=") for word in kept) else [_choose_ending(words)]
    return " ".join(["v=spf1", *kept, *ending])


def _choose_ending(words: dict[str, None]) -> str:
    return "~all" if "~all" in words and "-all" not in words else "-all"


def check_reverse(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether each address has a name that leads back to it (forward-confirmed reverse DNS)."""
    origin = _find_origin(facts, lookup)
    public = [address for address in origin.addresses if address.is_global]
    if not public:
        detail = "receivers see the address of the relay that meets them, which cannot be told from here"
        yield Finding("ptr", "warn", detail, TELL)
    for address in public:
        names = lookup(address.reverse_pointer, "PTR")
        good = [name for name in names if _leads_to(name, address, lookup)]
        if good:
            yield Finding("ptr", "ok", f"{address} is {good[0]}, and back")
            continue
        told = f"its names do not lead back to it: {', '.join(names)}" if names else "it has no name"
        yield Finding("ptr", "fail" if origin.certain else "warn", f"{address}: {told}", _mend_reverse(address, names))


def _leads_to(name: str, address: spf.IPAddress, lookup: Lookup) -> bool:
    return address in map(ip_address, lookup(name, "A" if isinstance(address, IPv4Address) else "AAAA"))


def _mend_reverse(address: spf.IPAddress, names: list[str]) -> str:
    kind = "A" if isinstance(address, IPv4Address) else "AAAA"
    if names:
        return f"publish:\n{names[0]}. IN {kind} {address}"
    return f"whoever lends you the address sets this, with your server's name:\n{address.reverse_pointer}. IN PTR NAME."


def check_bounces(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether mail to the envelope's domain finds a host, so that bounces come back."""
    domain = facts.envelope_domain
    hosts = [line.split(" ")[1] for line in lookup(domain, "MX")]
    publish = f"publish, with your mail server's name:\n{domain}. IN MX 10 NAME."
    reachable = [host for host in hosts or [domain] if host != "." and _has_address(host, lookup)]
    if reachable:
        yield Finding("bounces", "ok", f"{domain} takes mail at {', '.join(reachable)}")
    elif hosts == ["."]:
        yield Finding("bounces", "fail", f"{domain} says that it takes no mail", publish)
    else:
        told = f"{', '.join(hosts)} has no address" if hosts else "there is neither MX nor address"
        yield Finding("bounces", "fail", f"{domain}: {told}", publish)


def check_base_url(facts: Facts, lookup: Lookup) -> Iterator[Finding]:
    """Whether the links of the mail are https, as one-click unsubscribing demands, and lead somewhere."""
    url = urlsplit(facts.base_url)
    host = url.hostname or ""
    if url.scheme != "https":
        detail = f"{facts.base_url} is not https: one-click unsubscribing is refused"
        yield Finding("base_url", "fail", detail, "set DIGEST_BASE_URL to an https:// address that the world can reach")
    elif "." not in host or not _has_address(host, lookup):
        detail = f"{host} has no address in the DNS"
        yield Finding("base_url", "fail", detail, f"publish, with your server's address:\n{host}. IN A ADDRESS")
    else:
        yield Finding("base_url", "ok", facts.base_url)


def _has_address(host: str, lookup: Lookup) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return bool(lookup(host, "A") or lookup(host, "AAAA"))
