"""May this address send for that domain? SPF as RFC 7208 has it, asked of a `Lookup`."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from digest.errors import PermanentError
from digest.mail.resolver import Kind, Lookup

IPAddress = IPv4Address | IPv6Address
Result = Literal["none", "neutral", "pass", "fail", "softfail", "permerror"]

QUESTIONS, EMPTY_ANSWERS, MAIL_HOSTS = 10, 2, 10  # limits of RFC 7208 4.6.4
RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
MODIFIER = re.compile(r"([a-z][\w.-]*)=(.*)", re.IGNORECASE)
MECHANISM = re.compile(r"([+~?-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?![a-z0-9])(.*)", re.IGNORECASE)
TARGET = re.compile(r"(?::(?P<value>.+?))?(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?")
MACRO = re.compile(r"%(?:([%_-])|\{([slodiphv])(\d*)(r?)([.+,/_=-]*)\})", re.IGNORECASE)
ESCAPES = {"%": "%", "_": " ", "-": "%20"}


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism of a record: `value` is a domain or a network, `four` and `six` are lengths of prefixes."""

    text: str
    qualifier: str
    name: str
    value: str = ""
    four: int = 32
    six: int = 128


@dataclass(frozen=True, slots=True)
class Record:
    terms: tuple[Term, ...]
    redirect: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """RFC 7208's result, and the term or the fault that led to it."""

    result: Result
    reason: str


def find_records(domain: str, lookup: Lookup) -> list[str]:
    """The SPF records among the domain's texts: there must be exactly one."""
    return [text for text in lookup(domain, "TXT") if text.lower().split(" ")[0] == "v=spf1"]


def read_record(text: str) -> Record:
    """A record's terms; raises PermanentError at the first that is none."""
    terms, redirect = [], ""
    for word in text.split()[1:]:
        if modifier := MODIFIER.fullmatch(word):
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
        else:
            terms.append(_read_term(word))
    return Record(tuple(terms), redirect)


def _read_term(word: str) -> Term:
    found = MECHANISM.fullmatch(word)
    if not found:
        raise PermanentError(f"“{word}” is no term of SPF")
    qualifier, name, rest = found[1] or "+", found[2].lower(), found[3]
    value = rest.removeprefix(":")
    if name in {"ip4", "ip6"}:
        _network(value, word)
        return Term(word, qualifier, name, value)
    target = TARGET.fullmatch(rest) if name in {"a", "mx"} else None
    if target:
        four, six = int(target["four"] or 32), int(target["six"] or 128)
        return Term(word, qualifier, name, target["value"] or "", four, six)
    given = rest.startswith(":") and value != ""
    right = {"all": rest == "", "include": given, "exists": given, "ptr": given or rest == ""}
    if not right.get(name, False):
        raise PermanentError(f"“{word}” is no term of SPF")
    return Term(word, qualifier, name, value)


def _holds(address: IPAddress, network: str, word: str) -> bool:
    return address in _network(network, word)


def _network(text: str, word: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise PermanentError(f"“{word}” names no network") from error


def evaluate(address: IPAddress, sender: str, lookup: Lookup) -> Verdict:
    """Whether `address` may send mail whose envelope names `sender` (user@domain).

    Faults of the record are a Verdict; the lookup's TransientError is raised.
    """
    try:
        return _Evaluation(address, sender, lookup).judge(sender.rpartition("@")[2])
    except PermanentError as error:
        return Verdict("permerror", str(error))


class _Evaluation:
    """One evaluation, which counts its questions; PermanentError is RFC 7208's permerror."""

    def __init__(self, address: IPAddress, sender: str, lookup: Lookup) -> None:
        self.address, self.sender, self.lookup = address, sender, lookup
        self.kind: Kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004
        self.questions = self.empty = 0

    def judge(self, domain: str) -> Verdict:
        records = find_records(domain, self.lookup)
        if not records:
            return Verdict("none", f"{domain} has no SPF record")
        if len(records) > 1:
            raise PermanentError(f"{domain} has {len(records)} SPF records")
        record = read_record(records[0])
        for term in record.terms:
            if self._matches(term, domain):
                return Verdict(RESULTS[term.qualifier], f"“{term.text}” of {domain}")
        if record.redirect and not any(term.name == "all" for term in record.terms):
            return self._follow(record.redirect, domain)
        return Verdict("neutral", f"no term of {domain} matches")

    def _follow(self, target: str, domain: str) -> Verdict:
        self._count()
        verdict = self.judge(self._expand(target, domain))
        if verdict.result == "none":
            raise PermanentError(verdict.reason)
        return verdict

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in {"ip4", "ip6"}:
            return _holds(self.address, term.value, term.text)
        if term.name == "include":
            return self._follow(term.value, domain).result == "pass"
        self._count()
        target = self._expand(term.value, domain) if term.value else domain
        if term.name == "exists":
            return bool(self._ask(target, "A"))
        if term.name == "ptr":
            return self._is_named(target)
        return self._is_host(term, self._mail_hosts(target) if term.name == "mx" else self._ask(target, self.kind))

    def _is_host(self, term: Term, addresses: list[str]) -> bool:
        prefix = term.four if self.kind == "A" else term.six
        return any(_holds(self.address, f"{address}/{prefix}", term.text) for address in addresses)

    def _mail_hosts(self, domain: str) -> list[str]:
        hosts = [line.split(" ")[1] for line in self._ask(domain, "MX")]
        if len(hosts) > MAIL_HOSTS:
            raise PermanentError(f"{domain} has more than {MAIL_HOSTS} mail hosts")
        return [address for host in hosts for address in self.lookup(host, self.kind)]

    def _is_named(self, domain: str) -> bool:
        for name in self._ask(self.address.reverse_pointer, "PTR")[:MAIL_HOSTS]:
            inside = f".{name}".lower().endswith(f".{domain}".lower())
            if inside and self.address in map(ip_address, self.lookup(name, self.kind)):
                return True
        return False

    def _count(self) -> None:
        self.questions += 1
        if self.questions > QUESTIONS:
            raise PermanentError(f"the record and what it includes take more than {QUESTIONS} lookups")

    def _ask(self, name: str, kind: Kind) -> list[str]:
        answers = self.lookup(name, kind)
        self.empty += not answers
        if self.empty > EMPTY_ANSWERS:
            raise PermanentError(f"more than {EMPTY_ANSWERS} of the record's names lead nowhere, {name} last")
        return answers

    def _expand(self, text: str, domain: str) -> str:
        """`text` with its macros replaced, RFC 7208 7."""
        if "%" not in text:
            return text
        user, _, sender_domain = self.sender.rpartition("@")
        nibbles = ".".join(self.address.exploded.replace(":", ""))
        values = {"s": self.sender, "l": user, "o": sender_domain, "d": domain, "h": sender_domain, "p": "unknown"}
        values["i"], values["v"] = (str(self.address), "in-addr") if self.kind == "A" else (nibbles, "ip6")

        def swap(found: re.Match[str]) -> str:
            if found[1]:
                return ESCAPES[found[1]]
            parts = re.split(f"[{re.escape(found[5] or '.')}]", values[found[2].lower()])
            parts = parts[::-1] if found[4] else parts
            return ".".join(parts[-int(found[3] or 0) :])

        return MACRO.sub(swap, text)
