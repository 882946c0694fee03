"""What an interest that nobody has saved would bring, by the ranker that makes the editions."""

from collections.abc import Sequence

from fastapi import APIRouter
from sqlmodel import Session

from digest import questions
from digest.papers import listing
from digest.ranking import reasons
from digest.ranking.drafts import Hidden, Pick
from digest.ranking.previews import Wanted
from digest.subscribers import profiles
from digest.tables import Subscriber, SubscriberStatus
from digest.web.api import schemas as told
from digest.web.api.calls import Call, Managing
from digest.web.api.interests import check, read
from digest.web.api.papers import describe
from digest.web.api.people import ANSWERS, WITH_BODY

router = APIRouter(tags=["interests"], responses=ANSWERS | WITH_BODY)


@router.post("/preview", summary="What an interest would bring")
def preview(call: Managing, said: told.PreviewIn) -> told.PreviewOut:
    """The edition that somebody with this interest alone would get now, of the last seven days' papers.

    Nothing is stored and nobody gets mail. Example papers that the store lacks do not count.
    """
    nobody = _make_nobody(call, said.papers)
    interest = read(said)
    with call.shop.database.session(write=False) as session:
        check(session, nobody, interest)
        profile, liked, disliked = profiles.sketch(session, nobody, interest)
    found = questions.preview_interests(call.shop, call.now, nobody, [Wanted(profile, liked, disliked)])
    with call.shop.database.session(write=False) as session:
        shown = _describe(session, call, [*found.draft.picks, *found.missed, *found.hidden])
    return told.PreviewOut(
        papers=[_tell(shown, pick) for pick in found.draft.picks],
        missed=[_tell(shown, pick) for pick in found.missed],
        hidden=[told.HiddenOut(paper=shown[one.paper.id], phrase=one.phrase) for one in found.hidden],
        considered=found.draft.considered,
    )


def _make_nobody(call: Call, papers: int) -> Subscriber:
    return Subscriber(
        id=0,
        email="",
        status=SubscriberStatus.PENDING,
        papers_per_edition=papers,
        link_key="",
        created_at=call.now,
    )


def _describe(session: Session, call: Call, named: Sequence[Pick | Hidden]) -> dict[int, told.PaperOut]:
    listed = listing.read(session, list({one.paper.id: None for one in named}))
    return {paper.id: paper for paper in describe(session, call, listed)}


def _tell(shown: dict[int, told.PaperOut], pick: Pick) -> told.PickOut:
    return told.PickOut(
        paper=shown[pick.paper.id],
        reason=reasons.explain(pick.reason),
        highlight=pick.highlight,
        outside=pick.profile_id is None,
    )
