"""How often a network may ask, whose word for it is believed, and what settings are refused."""

import pytest
from real_servers import find_redis
from servers import find_free_port
from starlette.requests import Request
from structlog.testing import capture_logs

from digest.errors import ConfigurationError
from digest.settings import Settings
from digest.web.answers import TooMany
from digest.web.rates import USUAL, Rates, read_rules

PROXIES = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"]


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def request(client: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return Request({"type": "http", "client": (client, 1) if client else None, "headers": headers})


def network(client: str | None, *forwarded: str) -> str:
    return Rates(settings(trusted_proxies=PROXIES)).network_of(request(client, *forwarded))


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("198.51.100.7", (), "198.51.100.7/32"),
        ("198.51.100.7", ("203.0.113.9",), "198.51.100.7/32"),  # says so itself
        ("10.1.2.3", ("203.0.113.9",), "203.0.113.9/32"),
        ("10.1.2.3", ("6.6.6.6, 203.0.113.9",), "203.0.113.9/32"),
        ("10.1.2.3", ("6.6.6.6", "203.0.113.9"), "203.0.113.9/32"),  # a proxy that adds a line of its own
        ("10.1.2.3", ("203.0.113.9, 192.0.2.1",), "203.0.113.9/32"),
        ("10.1.2.3", ("6.6.6.6, 203.0.113.9, 192.0.2.1, 10.9.9.9",), "203.0.113.9/32"),
        ("10.1.2.3", (), "10.1.2.3/32"),
        ("10.1.2.3", (" , ,",), "10.1.2.3/32"),
        ("10.1.2.3", ("<script>",), "unknown"),
        ("::ffff:10.1.2.3", ("::ffff:203.0.113.9",), "203.0.113.9/32"),
        ("fd00::1", ("2001:db8:1:2:3::4",), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::4", (), "2001:db8:1:2::/64"),
        ("fe80::1%eth0", (), "fe80::/64"),
        ("testclient", (), "unknown"),
        (None, ("203.0.113.9",), "unknown"),
    ],
)
def test_a_network_is_what_a_proxy_says_that_is_trusted(
    client: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert network(client, *forwarded) == expected


def test_one_too_many_is_told_when_to_come_again() -> None:
    rates = Rates(settings(limits=["search=2/minute"]))
    rates.take("search", "a")
    rates.take("search", "a")
    with pytest.raises(TooMany) as told:
        rates.take("search", "a")
    assert 1 <= told.value.seconds <= 61
    assert told.value.headers == {"Retry-After": str(told.value.seconds)}
    rates.take("search", "b")
    rates.take("preview", "a")


NO_RATES = [
    "=",
    "search",
    "search=",
    "find=1/minute",
    "search=often",
    "search=5/fortnight",
    "search=-1/minute",
    "search=5/minute;x",
    "letters=3/hour",
    "letters=3/minute;6/day",
    "letters=6/day;3/hour",
    "all-letters=5/day",
]


@pytest.mark.parametrize("given", NO_RATES)
def test_what_is_no_rate_is_told_in_one_line(given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DIGEST_LIMITS[^\n]*$"):
        read_rules([given])


def test_a_rate_takes_the_place_of_the_usual_one() -> None:
    rates = Rates(settings(limits="search=60/minute, letters=1/hour;2/day"))
    assert rates.amounts("search") == (60,)
    assert rates.amounts("letters") == (1, 2)
    assert rates.amounts("votes") == (120,)
    assert set(read_rules([])) == set(USUAL)


@pytest.mark.parametrize("proxy", ["proxy.lan", "10.0.0.0/33", "300.1.1.1", "*"])
def test_what_is_no_proxy_is_told_in_one_line(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DIGEST_TRUSTED_PROXIES: [^\n]*$"):
        Rates(settings(trusted_proxies=[proxy]))


@pytest.mark.parametrize("url", ["pigeon://hush", "redis://hush:hush@host:port/0"])
def test_a_broker_that_cannot_count_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DIGEST_BROKER_URL [^\n]*$") as told:
        Rates(settings(broker_url=url))
    assert "hush" not in str(told.value)


def test_processes_count_together_by_redis() -> None:
    with find_redis() as server:
        rates = [Rates(settings(broker_url=server.url, limits=["search=2/minute"])) for _ in range(3)]
        rates[0].take("search", "together")
        rates[1].take("search", "together")
        with pytest.raises(TooMany):
            rates[2].take("search", "together")


def test_without_its_redis_a_process_counts_for_itself() -> None:
    rates = Rates(settings(broker_url=f"redis://:hush@127.0.0.1:{find_free_port()}/0", limits=["search=1/minute"]))
    with capture_logs() as logged:
        rates.take("search", "a")
        with pytest.raises(TooMany):
            rates.take("search", "a")
    assert [line["event"] for line in logged] == ["rates_not_shared"] * 2
    assert "hush" not in str(logged)
