"""What the health of an installation calls for: whether today is all right, and if not, what to do. Asks nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from digest.health import DAY, HOUR, MEMORY, MOST_COUNTED, Health
from digest.mail import pacing

OK, WARN, FAIL = "ok", "warn", "fail"

LATEST_TICK, LONGEST_WAIT = timedelta(minutes=10), timedelta(minutes=5)
LONGEST_SILENCE = 30 * HOUR  # of working days
MOST_BOUNCES, FEWEST_MAILS = 0.05, 20
LATE = {  # what may wait for how long, how bad it is if it does, and what to say then
    "due": (HOUR / 2, FAIL, "editions due and not made", "the lines about stages and queues tell what stops them"),
    "compose": (HOUR, FAIL, "editions made and not written as mail", "the log says `item_failed` where one cannot be"),
    "planned": (HOUR, FAIL, "mails not tried yet", "`digest doctor` tells whether the mail server answers"),
    "deferred": (HOUR, WARN, "mails put off by the receiving servers", "each is tried for 20 hours; ask the relay"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """How one thing is, and what to do about it."""

    state: str
    what: str
    detail: str
    mend: str = ""


def working_time(since: datetime, until: datetime) -> timedelta:
    """How much of the time between two moments fell on Mondays to Fridays (UTC), in whole hours of thirty days."""
    hours = (until - number * HOUR for number in range((until - max(since, until - MEMORY)) // HOUR))
    return HOUR * sum(hour.astimezone(UTC).weekday() in range(5) for hour in hours)


def advise(health: Health) -> list[Advice]:
    """What is amiss, the gravest first, and then the good news; when nothing is amiss, one line that says so."""
    checks = (_judge_ticks, _judge_queues, _judge_stages, _judge_backlogs, _judge_sources, _judge_mail)
    amiss = [advice for check in checks for advice in check(health)]
    amiss.sort(key=lambda advice: advice.state != FAIL)
    words = "What went well" if amiss else "Today is all right"
    return [*amiss, Advice(OK, "today", f"{words}: {_good_news(health)}.")]


def verdict(advice: list[Advice]) -> str:
    """One sentence that tells nothing about anybody."""
    states = {one.state for one in advice}
    if FAIL in states:
        return "Today is not all right: something needs the operator."
    return "Today is all right, but something deserves a look." if WARN in states else "Today is all right."


def _good_news(health: Health) -> str:
    done = f"{_count(health.editions, 'edition')} and {_count(health.mails['sent'], 'mail')} in 24 hours"
    following = health.next_edition
    if following.oldest is None:
        return f"{done}; nobody expects an edition"
    readers = _count(following.count, "reader") + (" or more" if following.count == MOST_COUNTED else "")
    return f"{done}; the next is due on {following.oldest.astimezone(UTC):%Y-%m-%d at %H:%M} UTC, for {readers}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def say_age(age: timedelta) -> str:
    """“42 minutes”, “3 hours”, “2 days”: as exactly as one needs it."""
    seconds = age.total_seconds()
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return _count(int(seconds // size), noun)
    return _count(int(seconds), "second")


def _starter(health: Health) -> str:
    return "start `digest beat` and `digest worker`" if health.scaled else "start `digest up`"


def _judge_ticks(health: Health) -> Iterator[Advice]:
    mend = "start `digest beat`, and a `digest worker` that takes the queue tick" if health.scaled else _starter(health)
    if health.ticked_at is None:
        yield Advice(FAIL if health.scaled else WARN, "tick", "nothing has been planned yet", mend)
    elif health.scaled and health.age(health.ticked_at) > LATEST_TICK:
        yield Advice(FAIL, "tick", f"the last tick was {say_age(health.age(health.ticked_at))} ago", mend)


def _judge_queues(health: Health) -> Iterator[Advice]:
    for name, queue in health.queues.items():
        since = queue.waiting_since
        if not queue.running and since is not None and health.age(since) > LONGEST_WAIT:
            detail = f"no worker takes it; {queue.waiting:,} waiting, the oldest for {say_age(health.age(since))}"
            yield Advice(FAIL, f"queue {name}", detail, f"start `digest worker --queues {name}`")


def _judge_stages(health: Health) -> Iterator[Advice]:
    mend = "see what `digest doctor` says; nothing is lost, the next pass goes on from there"
    for name, stage in health.stages.items():
        what, failed = f"stage {name}", _count(stage.failed, "item")
        if stage.stopped and stage.ran_at is not None and health.age(stage.ran_at) <= DAY:
            yield Advice(FAIL, what, f"stopped: {stage.stopped}", mend)
        if stage.failed:
            yield Advice(WARN, what, f"{failed} failed in 24 hours", "the log says `item_failed` and why, of each")


def _judge_backlogs(health: Health) -> Iterator[Advice]:
    waits = {**health.backlogs, **health.unsent}
    for name, (limit, state, told, mend) in LATE.items():
        oldest = waits[name].oldest
        if oldest is not None and health.age(oldest) > limit:
            detail = f"{waits[name].count:,} {told}, the oldest for {say_age(health.age(oldest))}"
            yield Advice(state, name, detail, f"{_starter(health)}; {mend}" if state == FAIL else mend)


def _judge_sources(health: Health) -> Iterator[Advice]:
    for name, source in health.sources.items():
        what, unread = f"source {name}", _silent(health, source.success_at)
        ago = f"{say_age(health.age(source.success_at))} ago" if source.success_at else "never"
        if source.asked_at is None:
            if health.ticked_at is not None:  # else that is said already
                yield Advice(WARN, what, "it was never asked", _starter(health))
        elif source.error:
            told = f"the last try failed: {source.error.rstrip('.')}; last read {ago}"
            mend = "it is asked again with the next poll; if that goes on, see whether this machine is online"
            yield Advice(FAIL if unread else WARN, what, told, mend)
        elif unread:
            yield Advice(FAIL, what, f"it was last read {ago}", f"{_starter(health)}: nobody asks it")
        elif _silent(health, source.news_at):
            since = f"for {say_age(health.age(source.news_at))}" if source.news_at else "yet"
            mend = f"on holidays that is normal; else see what `digest ingest {name}` brings"
            yield Advice(WARN, what, f"it answers, but has brought nothing new {since}", mend)


def _silent(health: Health, latest: datetime | None) -> bool:
    return latest is None or working_time(latest, health.now) > LONGEST_SILENCE


def _judge_mail(health: Health) -> Iterator[Advice]:
    if health.closed is not None and health.closed.name == pacing.EVERYTHING:
        yield Advice(WARN, "mail", f"all mail is paused: {health.closed.reason}", "digest outbox resume")
    elif health.closed is not None:
        told = f"the mail server is left alone for a while: {health.closed.reason}"
        yield Advice(FAIL, "mail", told, "it is tried again by itself; see `digest doctor` and `digest outbox status`")
    if health.held:
        told = f"{_count(health.held, 'mail')} held back until you decide"
        yield Advice(WARN, "held", told, "see `digest outbox status`; `digest outbox release` lets them go")
    answered = health.mails["sent"] + health.mails["bounced"]
    if answered >= FEWEST_MAILS and health.bounce_ratio > MOST_BOUNCES:
        detail = f"{health.mails['bounced']:,} of {answered:,} mails of 24 hours were refused for good"
        mend = "see `digest outbox status`: addresses that do not exist, or your sender refused?"
        yield Advice(WARN, "bounces", detail, mend)
