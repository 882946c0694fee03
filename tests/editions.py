"""An edition that somebody has got, with the links that its mail has."""

from dataclasses import dataclass
from datetime import datetime

from factories import make_edition, make_paper, make_profile, make_subscriber

from digest import tokens
from digest.tables import Edition, EditionItem, Paper, Profile, Subscriber
from digest.workshop import Workshop

REASON = {
    "kind": "match",
    "closer_than": 0.9,
    "crowd": 100,
    "authors": [],
    "keywords": [],
    "like": None,
    "words": [],
    "trend": None,
}


def sign_of_edition(secret: str, purpose: tokens.Purpose, subscriber: Subscriber, edition: Edition) -> str:
    """A link of an edition, as its mail has it."""
    day = edition.edition_date.isoformat()
    return tokens.sign(secret, purpose, {"s": subscriber.id, "k": subscriber.link_key, "e": edition.id, "d": day})


@dataclass(frozen=True)
class Sent:
    """What went out to whom; the links are paths."""

    subscriber: Subscriber
    profile: Profile
    edition: Edition
    papers: list[Paper]
    secret: str

    def vote(self, paper: Paper, value: str) -> str:
        return f"/vote/{self._of_edition('vote')}/{paper.id}/{value}"

    @property
    def manage(self) -> str:
        return f"/manage/{self._of_edition('manage')}"

    @property
    def unsubscribe(self) -> str:
        return "/unsubscribe/" + tokens.sign(
            self.secret, "unsubscribe", {"s": self.subscriber.id, "k": self.subscriber.link_key}
        )

    def _of_edition(self, purpose: tokens.Purpose) -> str:
        return sign_of_edition(self.secret, purpose, self.subscriber, self.edition)


def send_edition(shop: Workshop, now: datetime, address: str, papers: int = 3) -> Sent:
    """A new subscriber with one interest, and an edition of some papers for it."""
    with shop.database.session() as session:
        who = make_subscriber(session, now, email=address, feed_key=tokens.draw_key(), confirmed_at=now)
        profile = make_profile(session, who)
        edition = make_edition(session, who, now)
        listed = [make_paper(session, now) for _ in range(papers)]
        for rank, paper in enumerate(listed, 1):
            session.add(
                EditionItem(
                    edition_id=edition.id,
                    paper_id=paper.id,
                    profile_id=profile.id,
                    rank=rank,
                    score=1.0 / rank,
                    relevance=0.5,
                    reason=REASON | {"profile": profile.name},
                )
            )
    return Sent(who, profile, edition, listed, shop.settings.signing_key)
