"""Questions to the DNS, asked with dnspython: a `Lookup` gives the answers as text."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from dns.exception import DNSException
from dns.name import EmptyLabel, LabelTooLong, NameTooLong
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration, Resolver

from digest.errors import TransientError

Kind = Literal["TXT", "MX", "A", "AAAA", "PTR", "CNAME"]
Lookup = Callable[[str, Kind], list[str]]

TIMEOUT = 5.0  # seconds for one question, all servers and repetitions together
PAYLOAD = 1232  # octets in one UDP answer that no network cuts up
SAYS_NO = (NXDOMAIN, NoAnswer, EmptyLabel, LabelTooLong, NameTooLong)


def ask_dns(nameservers: Sequence[tuple[str, int]] | None = None, timeout: float = TIMEOUT) -> Lookup:
    """A lookup that asks `nameservers` (address, port), or those of this machine, and remembers what it heard.

    A name that is not there, or has nothing of the kind, gives []; TransientError when nobody answers.
    """
    resolver = _make(nameservers)
    known: dict[tuple[str, Kind], list[str]] = {}  # the library's cache takes an alias that leads nowhere for no name

    def lookup(name: str, kind: Kind) -> list[str]:
        question = name.lower().rstrip("."), kind
        if question not in known:
            known[question] = _ask(resolver, *question, timeout)
        return known[question]

    return lookup


def _make(nameservers: Sequence[tuple[str, int]] | None) -> Resolver:
    resolver = Resolver(configure=False)
    if nameservers is None:
        with suppress(NoResolverConfiguration):
            resolver = Resolver()
    else:
        resolver.nameservers = [Do53Nameserver(address, port) for address, port in nameservers]
    resolver.use_edns(0, 0, PAYLOAD)
    return resolver


def _ask(resolver: Resolver, name: str, kind: Kind, timeout: float) -> list[str]:
    try:
        answer = resolver.resolve(f"{name}.", kind, search=False, lifetime=timeout)
    except SAYS_NO:
        return []
    except (DNSException, OSError, UnicodeError) as error:
        raise TransientError(f"{kind} of {name}: {_reason(error)}.") from error
    return [_text(kind, record) for record in answer]


def _reason(error: Exception) -> str:
    lines = str(error).strip().rstrip(".").splitlines()
    return lines[0] if lines else type(error).__name__


def _text(kind: Kind, record: Any) -> str:
    match kind:
        case "TXT":
            return b"".join(record.strings).decode("utf-8", "replace")
        case "MX":
            return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
        case "PTR" | "CNAME":
            return str(record.target.to_text(omit_final_dot=True))
        case _:
            return str(record.to_text())
