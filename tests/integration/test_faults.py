"""A server that misbehaves at every point of a conversation, by seed: every mail arrives, and copies are explained."""

from collections import Counter
from datetime import datetime, timedelta
from email import message_from_bytes

import pytest
from faults import FAULTS, KEPT, FaultySink
from post import US, Post

from digest.errors import Unreachable
from digest.mail import control, delivery, pacing
from digest.mail.smtp import Relay, SmtpTransport
from digest.tables import OutboxState
from digest.workshop import Workshop

MAILS, MOST_PASSES = 400, 60


def send_until_all_is_settled(post: Post, sink: FaultySink, now: datetime) -> int:
    """Deliver as ticks would, half an hour apart; returns how many passes it took. The last ones find no fault.

    Three lost answers in a row hold a mail, and which mails meet them is up to the threads; the operator lets it go.
    """
    relay = Relay("127.0.0.1", sink.port, username="digest", password="secret", connections=4)
    courier = delivery.Courier(post.database, SmtpTransport(relay), US)
    for number in range(MOST_PASSES):
        sink.faulty = number < MOST_PASSES / 2
        moment = now + number * timedelta(minutes=15)
        with post.database.session() as session:
            control.change(session, "release", None, moment)
        ids = post.plan(moment)
        if not ids and set(post.states()) == {OutboxState.SENT}:
            return number
        try:
            delivery.deliver(courier, moment, ids)
        except Unreachable:
            with post.database.session() as session:
                pacing.resume(session)  # the breaker waits in real time, which a test has not
    return MOST_PASSES


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_mail_arrives_and_copies_come_only_from_answers_that_were_lost(
    shop: Workshop, now: datetime, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.mail.smtp.PAUSES", (0.01, 0.05))
    with FaultySink(seed) as sink:
        post = Post(shop, sink, now)
        post.promise(MAILS, whole=True)
        passes = send_until_all_is_settled(post, sink, now)
        accepted = Counter(message_from_bytes(content)["Message-ID"] for content in sink.contents)
    copies = accepted.total() - len(accepted)
    print(f"seed {seed}: {sink.struck.total()} faults in {passes} passes, {copies} copies: {dict(sink.struck)}")
    assert set(post.states()) == {OutboxState.SENT}
    assert set(accepted) == {row.message_id for row in post.rows()}
    assert len(set(sink.contents)) == MAILS  # a copy is byte for byte the same mail
    assert copies <= sum(sink.struck[fault] for fault in KEPT)
    assert sum(sink.struck[fault] > 0 for fault in FAULTS) >= len(FAULTS) * 2 / 3
