"""`digest doctor --mail`: the checks by DNS of what receivers will check, and the plan for warming up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digest.mail.findings import Facts, Finding
    from digest.workshop import Workshop


def examine(address: str) -> list[Finding]:
    """All findings; none when the settings cannot be read, which `digest doctor` says anyway.

    `address` is the IP address that mail leaves from, or "". Raises InvalidRequest when it is none.
    """
    from digest.errors import ConfigurationError
    from digest.mail.authentication import check
    from digest.mail.findings import Finding
    from digest.mail.resolver import ask_dns
    from digest.settings import load
    from digest.workshop import Workshop

    try:
        shop = Workshop(load())
    except ConfigurationError:
        return []
    try:
        found = check(gather(shop, address), ask_dns())
    except ConfigurationError as error:
        found = [Finding("settings", "fail", str(error), "change the setting, then run this again")]
    return [*found, *_plan(shop)]


def gather(shop: Workshop, address: str) -> Facts:
    """How this installation sends; raises ConfigurationError when the sender or a DKIM key is none."""
    from digest.mail.findings import Facts, Key

    settings, author = shop.settings, shop.sender.address
    return Facts(
        from_domain=author.domain,
        envelope_domain=(settings.bounce_address or author.addr_spec).rpartition("@")[2],
        base_url=settings.base_url,
        relay_host=settings.smtp_host if settings.transport == "smtp" else "",
        address=address,
        keys=tuple(Key(key.domain, key.selector, key.record) for key in shop.signing_keys),
    )


def _plan(shop: Workshop) -> list[Finding]:
    from digest.clock import utc_now
    from digest.mail.findings import Finding
    from digest.mail.pacing import warm_up_plan
    from digest.subscribers import optin
    from digest.tables import SubscriberStatus

    start = shop.settings.warm_up_start
    if start is None:
        return []
    with shop.database as database:
        if database.revision() != database.newest_revision():
            return [Finding("warm-up", "warn", "the subscribers cannot be counted yet", "digest migrate")]
        with database.session(write=False) as session:
            count = sum(one.status is SubscriberStatus.ACTIVE for one in optin.listing(session))
    days = warm_up_plan(start, utc_now().date(), count)
    told = ", ".join(f"{day} {most}" for day, most in days)
    return [Finding("warm-up", "ok", f"{count} readers; editions a day at most: {told}")]
