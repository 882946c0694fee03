"""A process that sends what waits in the outbox, as one of several workers would: run by the crash tests."""

from digest import log
from digest.clock import utc_now
from digest.mail import delivery, outbox
from digest.settings import load
from digest.workshop import Workshop

SHARE = 50


def main() -> None:
    """Plan and deliver until nothing waits; what another sender has in hand is left to it."""
    log.configure("WARNING", "console")
    shop, sent = Workshop(load(), scaled=True), 0
    while True:
        now = utc_now()
        with shop.database.session(write=False) as session:
            ids = outbox.plan(session, now)
        if not ids:
            print(f"{shop.owner} sent {sent}")
            return
        for start in range(0, len(ids), SHARE):
            sent += delivery.deliver(shop.courier, now, ids[start : start + SHARE])["sent"]
