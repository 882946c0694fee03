"""A vote from the mail moves the next edition, and nothing but a vote does."""

import re
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from browsing import ONE_DATABASE, Browser, Clock
from factories import TOPICS, make_profile, make_record, make_subscriber
from scenes import ListSource, sent
from sqlmodel import select

from digest import pipeline
from digest.tables import Edition, EditionItem, Paper, Subscriber
from digest.workshop import Workshop

ADA, EMMY = "ada@example.org", "emmy@example.org"
HOUR = timedelta(hours=1)
BOTH = f"{TOPICS['mamba']} {TOPICS['robot']}"


def welcome(shop: Workshop, now: datetime) -> tuple[Subscriber, Subscriber]:
    """Two readers with the same interest in two topics."""
    with shop.database.session() as session:
        ada, emmy = (make_subscriber(session, now, email=address, hour=9) for address in (ADA, EMMY))
        for person in (ada, emmy):
            make_profile(session, person, name="both", text=BOTH, balance=0.0)
    return ada, emmy


def publish(shop: Workshop, moment: datetime) -> None:
    """Bring three new papers on either topic and more on others, and send everybody's edition."""
    counts = {topic: 3 if topic in {"mamba", "robot"} else 12 for topic in TOPICS}
    records = [make_record(topic, announced_at=moment - HOUR) for topic, count in counts.items() for _ in range(count)]
    shop.sources = [ListSource(records)]
    assert all(not report.stopped for report in pipeline.run(shop, moment))


def newest_mail(reader: str, shop: Workshop) -> str:
    """The plain text of the latest mail to a reader."""
    mails = [message_from_bytes(one.content, policy=default) for one in sent(shop) if one.recipient == reader]
    return str(mails[-1].get_body(("plain",)).get_content())


def relevances(shop: Workshop, reader: Subscriber, topic: str) -> list[float]:
    """Of the papers on a topic in the reader's latest edition, best first."""
    with shop.database.session(write=False) as session:
        newest = select(Edition.id).where(Edition.subscriber_id == reader.id).order_by(Edition.id.desc()).limit(1)
        query = select(EditionItem.relevance, Paper.title).join(Paper, Paper.id == EditionItem.paper_id)
        rows = session.exec(
            query.where(EditionItem.edition_id == session.exec(newest).one()).order_by(EditionItem.rank)
        )
        return [relevance for relevance, title in rows if title.lower().startswith(topic)]


@ONE_DATABASE
@pytest.mark.parametrize(("word", "button"), [("more", "More like this"), ("less", "Not for me")])
def test_a_vote_from_the_mail_moves_the_next_edition(
    shop: Workshop, browser: Browser, clock: Clock, word: str, button: str
) -> None:
    ada, emmy = welcome(shop, clock.now)
    publish(shop, clock.now)
    assert relevances(shop, ada, "robot") == relevances(shop, emmy, "robot") != []
    mail = newest_mail(ADA, shop)
    robots = mail[re.search(r"Robot study number \d+", mail).start() :]
    link = re.search(rf"https?://[^/]+(/vote/\S+/{word})\b", robots)[1]
    browser.get(link)
    publish(shop, clock.move(days=1))
    assert relevances(shop, ada, "robot") == relevances(shop, emmy, "robot")
    assert browser.press(link, button).status_code == 200
    publish(shop, clock.move(days=1))
    moved, still = (relevances(shop, who, "robot") for who in (ada, emmy))
    assert still
    if word == "more":
        assert min(moved) > max(still)
    else:
        assert len(moved) < len(still) or max(moved) < min(still)
