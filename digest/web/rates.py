"""How often one network may ask, rule by rule, counted in Redis where there is one and else in this process."""

import ipaddress
import math
import time
from collections.abc import Callable
from typing import TypeVar

from limits import RateLimitItem, parse_many, storage, strategies
from limits.errors import ConfigurationError as WrongStorage
from limits.errors import StorageError
from starlette.requests import HTTPConnection

from digest.errors import ConfigurationError
from digest.log import get_logger
from digest.settings import Settings
from digest.web.answers import TooMany

T = TypeVar("T")

USUAL = {  # the name of a rule, and what it allows
    "subscribe": "5/minute;20/hour",
    "sign-in": "5/minute;20/hour",
    "links": "30/minute",
    "search": "30/minute",
    "preview": "20/minute",
    "votes": "120/hour",
    "submit": "20/hour",
    "api": "60/minute",
    "letters": "3/hour;6/day",  # to one address; counted in the database, as the next
    "all-letters": "200/hour",
}
IN_DATABASE = ("letters", "all-letters")  # by the hour and the day, and nothing else
BROKER_TIMEOUT = 2  # seconds
NETWORK_BITS = {4: 32, 6: 64}  # of an address, which stand for one customer


class Rates:
    """Counts what each network asks for; raises ConfigurationError for a rule that is none."""

    def __init__(self, settings: Settings) -> None:
        self._rules = read_rules(settings.limits)
        self._own = strategies.MovingWindowRateLimiter(storage.MemoryStorage())
        self._shared = _shared_counter(settings.broker_url) if settings.broker_url else self._own
        self._proxies = [_network(proxy) for proxy in settings.trusted_proxies]

    def amounts(self, rule: str) -> tuple[int, ...]:
        """How many a rule allows, window by window."""
        return tuple(item.amount for item in self._rules[rule])

    def take(self, rule: str, who: str) -> None:
        """Count one; raises TooMany when that is one too many."""
        self._ask(rule, lambda counter: self._take(counter, rule, who))

    def standing(self, rule: str, who: str) -> tuple[int, int, int]:
        """Of a rule's narrowest window: how many it allows, how many are left, in how many seconds there are more."""
        return self._ask(rule, lambda counter: self._standing(counter, rule, who))

    def _ask(self, rule: str, question: Callable[[strategies.RateLimiter], T]) -> T:
        """The answer of the counter that all processes share; without its Redis this process counts for itself."""
        try:
            return question(self._shared)
        except StorageError:
            get_logger().warning("rates_not_shared", rule=rule)
            return question(self._own)

    def _take(self, counter: strategies.RateLimiter, rule: str, who: str) -> None:
        for item in self._rules[rule]:
            if not counter.hit(item, rule, who):
                reset = counter.get_window_stats(item, rule, who).reset_time
                raise TooMany(max(1, int(reset - time.time()) + 1))

    def _standing(self, counter: strategies.RateLimiter, rule: str, who: str) -> tuple[int, int, int]:
        item = min(self._rules[rule], key=lambda item: counter.get_window_stats(item, rule, who).remaining)
        window = counter.get_window_stats(item, rule, who)
        return item.amount, window.remaining, max(0, math.ceil(window.reset_time - time.time()))

    def network_of(self, connection: HTTPConnection) -> str:
        """The network that a request comes from: what the nearest proxy says that is trusted, else the connection's."""
        host = connection.client.host if connection.client else ""
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))  # some proxies add a line, some to the line
        hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
        while hops and self._is_proxy(host):
            host = hops.pop()
        address = _address(host)
        if address is None:
            return "unknown"
        return str(ipaddress.ip_network((address, NETWORK_BITS[address.version]), strict=False))

    def _is_proxy(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in proxy for proxy in self._proxies)


def read_rules(given: list[str]) -> dict[str, list[RateLimitItem]]:
    """The usual rules, and in their place those of `given`, each as “name=5/minute;20/hour”."""
    wanted = dict(USUAL)
    for text in given:
        name, _, rule = text.partition("=")
        if name.strip() not in USUAL:
            raise ConfigurationError(f"DIGEST_LIMITS names “{name}”: choose from {', '.join(USUAL)}.")
        wanted[name.strip()] = rule
    return {name: _read_rule(name, rule) for name, rule in wanted.items()}


def _read_rule(name: str, rule: str) -> list[RateLimitItem]:
    try:
        items = parse_many(rule)
    except ValueError as error:
        raise ConfigurationError(f"DIGEST_LIMITS: “{rule}” is no rate: write {name}={USUAL[name]}.") from error
    spans = [[item.get_expiry() for item in listed] for listed in (items, parse_many(USUAL[name]))]
    if name in IN_DATABASE and spans[0] != spans[1]:
        raise ConfigurationError(f"DIGEST_LIMITS: only the numbers of {name}={USUAL[name]} can be others.")
    return items


def _shared_counter(url: str) -> strategies.RateLimiter:
    timeouts = {"socket_connect_timeout": BROKER_TIMEOUT, "socket_timeout": BROKER_TIMEOUT}
    try:
        kept = storage.storage_from_string(url, wrap_exceptions=True, **timeouts)
    except (WrongStorage, ValueError) as error:  # whose words may hold the password
        raise ConfigurationError("DIGEST_BROKER_URL is no Redis that can count: write redis://host:6379/0.") from error
    return strategies.MovingWindowRateLimiter(kept)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(f"DIGEST_TRUSTED_PROXIES: “{text}” is no address or network.") from error
