"""What comes back after mail went out: letters in the bounce mailbox and webhooks of providers, taken one by one."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache

import httpx

from digest.errors import ConfigurationError, Unreachable
from digest.log import get_logger
from digest.mail import bounces, providers
from digest.mail.mailboxes import open_mailbox
from digest.mail.providers import Request
from digest.mail.reports import Report, read_report
from digest.workshop import Workshop

UNKNOWN = "unknown"  # a letter that is no report
PATIENCE = 10.0  # seconds for Amazon's answer, while its webhook waits for ours
LONGEST_ANSWER = 64 * 1024


def poll(shop: Workshop, now: datetime) -> Counter[str]:
    """Take every new letter of the bounce mailbox; counts by outcome. Raises when there is none or it does not open."""
    url = shop.settings.bounce_mailbox.get_secret_value()
    if not url:
        raise ConfigurationError("DIGEST_BOUNCE_MAILBOX is not set: it says where undeliverable mail comes back to.")
    counts: Counter[str] = Counter()
    with open_mailbox(url) as box:
        for letter in box.letters():
            report = read_report(letter.content)
            if report is None:
                box.leave(letter)
                counts[UNKNOWN] += 1
                continue
            counts += _apply(shop, [report], now)
            box.remove(letter)  # after the commit: a crash between the two lets it be read again, which changes nothing
    get_logger().info("bounces_polled", **counts)
    return counts


def open_hooks(shop: Workshop) -> set[str]:
    """The providers whose webhooks are configured."""
    settings = shop.settings
    secret = bool(settings.webhook_secret)
    given = {"ses": settings.ses_topic, "mailgun": settings.mailgun_key, "postmark": secret, "report": secret}
    return {name for name, value in given.items() if value}


def receive(shop: Workshop, provider: str, request: Request, now: datetime) -> Counter[str]:
    """Take a webhook's request; counts by outcome. Raises PermanentError for strangers, InvalidRequest for rubbish."""
    settings = shop.settings
    secret, key = settings.webhook_secret.get_secret_value(), settings.mailgun_key.get_secret_value()
    readers: dict[str, Callable[[], list[Report]]] = {
        "ses": lambda: providers.read_ses(request, settings.ses_topic, now, fetch),
        "postmark": lambda: providers.read_postmark(request, secret),
        "mailgun": lambda: providers.read_mailgun(request, key, now),
        "report": lambda: providers.read_mail(request, secret),
    }
    if provider not in open_hooks(shop):
        raise ConfigurationError(f"The webhook {provider} is not configured.")
    return _apply(shop, readers[provider](), now)


def fetch(url: str) -> bytes:
    """What Amazon answers; a certificate is kept for as long as the process lives. No redirect is followed."""
    return _fetch_once(url) if url.endswith(".pem") else _fetch(url)


@lru_cache(maxsize=16)
def _fetch_once(url: str) -> bytes:
    return _fetch(url)


def _fetch(url: str) -> bytes:
    host = httpx.URL(url).host
    try:
        with httpx.stream("GET", url, timeout=PATIENCE, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unreachable(f"{host} answered {answer.status_code}.")
            return _read(answer, host)
    except httpx.HTTPError as error:
        raise Unreachable(f"{host} does not answer: {type(error).__name__}.") from error


def _read(answer: httpx.Response, host: str) -> bytes:
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise Unreachable(f"{host} sent more than {LONGEST_ANSWER:,} bytes.")
    return bytes(body)


def _apply(shop: Workshop, reports: Iterable[Report], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    for report in reports:
        with shop.database.session() as session:
            outcome = bounces.apply(session, report, now, shop.settings.signing_key)
        counts[outcome] += 1
    return counts
