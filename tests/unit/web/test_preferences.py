"""The hub: all preferences at a glance, what keeps editions from coming, and the buttons that mend it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from browsing import Browser, Clock, token_of
from factories import like, make_edition, make_paper, make_profile, make_subscriber
from scenes import everything, rows

from digest.mail.suppression import suppress
from digest.subscribers import feedback, profiles, schedule
from digest.subscribers.feedback import Vote
from digest.tables import EditionItem, Profile, Subscriber, SubscriberStatus
from digest.workshop import Workshop

ADA = "ada@example.org"
NASTY = "<script>alert('1')</script>\"&"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    """Ada, signed in, with one interest; her next edition comes tomorrow, a Thursday."""
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, confirmed_at=now, zone="Europe/Paris", papers_per_edition=5)
        ada.next_edition_at = datetime.fromisoformat("2026-05-07T05:00Z")
        make_profile(session, ada, name="Mambas")
    browser.sign_in(ADA)
    return ada


def change(shop: Workshop, ada: Subscriber, do: Callable[[Subscriber], None]) -> None:
    with shop.database.session() as session:
        do(session.get_one(Subscriber, ada.id))


def test_the_hub_is_for_those_who_are_signed_in(browser: Browser) -> None:
    assert browser.get("/preferences").headers["location"] == "/sign-in"


@pytest.mark.usefixtures("ada")
def test_the_hub_tells_everything_in_words(browser: Browser) -> None:
    page = browser.get("/preferences").text
    assert "Every day at 07:00, Europe/Paris, up to 5 papers" in page
    assert (
        'Your next edition comes on <time datetime="2026-05-07T07:00:00+02:00">Thursday 7 May at 07:00</time>' in page
    )
    assert ADA in page
    assert '<a href="/preferences/interests/1">Change<span class="unseen"> the interest Mambas</span>' in page
    assert "0 papers in the last 7 days, learns from 0 votes" in page
    assert 'class="notice' not in page
    for address in ("/preferences/delivery", "/preferences/email", "/preferences/feeds", "/preferences/data"):
        assert f'href="{address}"' in page


@pytest.mark.usefixtures("ada")
def test_the_hub_leads_to_the_next_edition_and_to_submitting(browser: Browser) -> None:
    page = browser.get("/preferences").text
    for address in ("/preferences/preview", "/submit"):
        assert f'href="{address}"' in page
        assert browser.get(address).status_code == 200
    assert 'href="/submit"' in browser.get("/trending").text


def test_an_interest_shows_what_came_for_it_lately_and_what_it_learns_from(
    browser: Browser, shop: Workshop, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        profile = profiles.listing(session, ada)[0]
        for age in (2, 9):
            edition = make_edition(session, ada, now - timedelta(days=age))
            paper = make_paper(session, now)
            scores = {"rank": 1, "score": 1.0, "relevance": 1.0, "reason": {}}
            session.add(EditionItem(edition_id=edition.id, paper_id=paper.id, profile_id=profile.id, **scores))
            session.flush()
            feedback.vote(session, ada, Vote(paper, 1, edition.id), now)
        like(session, profile, make_paper(session, now))
    assert "1 paper in the last 7 days, learns from 2 votes" in browser.get("/preferences").text


def test_names_are_text(browser: Browser, shop: Workshop, ada: Subscriber) -> None:
    with shop.database.session() as session:
        profiles.listing(session, ada)[0].name = NASTY
    page = browser.get("/preferences").text
    assert NASTY not in page
    assert "&lt;script&gt;" in page


def test_a_pause_is_told_and_ends_by_a_button(browser: Browser, shop: Workshop, ada: Subscriber, now: datetime) -> None:
    with shop.database.session() as session:
        schedule.pause(session, session.get_one(Subscriber, ada.id), date(2026, 12, 4), now)
    page = browser.get("/preferences").text
    assert 'Paused until <time datetime="2026-12-04">4 December</time>' in page
    assert "Friday 4 December at 07:00</time> (Europe/Paris), after your pause" in page
    answer = browser.press("/preferences", "Resume")
    assert "Your editions go on." in browser.land(answer).text
    assert rows(shop, Subscriber)[0]["status"] is SubscriberStatus.ACTIVE


def test_a_pause_into_another_year_names_it(browser: Browser, shop: Workshop, ada: Subscriber, now: datetime) -> None:
    with shop.database.session() as session:
        schedule.pause(session, session.get_one(Subscriber, ada.id), date(2027, 1, 8), now)
    assert "8 January 2027" in browser.get("/preferences").text


def test_who_left_comes_back_by_a_button(browser: Browser, shop: Workshop, ada: Subscriber, now: datetime) -> None:
    def leave(row: Subscriber) -> None:
        row.status, row.left_at = SubscriberStatus.UNSUBSCRIBED, now

    change(shop, ada, leave)
    assert "You have unsubscribed: no edition comes" in browser.get("/preferences").text
    assert "You are subscribed again." in browser.land(browser.press("/preferences", "Subscribe again")).text
    assert rows(shop, Subscriber)[0]["status"] is SubscriberStatus.ACTIVE


@pytest.mark.usefixtures("ada")
def test_whose_address_must_not_be_mailed_is_told_what_to_do(browser: Browser, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        suppress(session, ADA, "complaint", now)
    page = browser.get("/preferences").text
    assert "no mail may go to" in page
    assert "Subscribe again" not in page


@pytest.mark.usefixtures("ada")
def test_mail_that_comes_back_is_told(browser: Browser, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        suppress(session, ADA, "hard bounce", now)
    assert "Give another address" in browser.get("/preferences").text


def test_who_has_not_confirmed_gets_the_mail_again(browser: Browser, shop: Workshop, ada: Subscriber) -> None:
    def doubt(row: Subscriber) -> None:
        row.status, row.confirmed_at, row.next_edition_at = SubscriberStatus.PENDING, None, None

    change(shop, ada, doubt)
    answer = browser.press("/preferences", "Send the mail again")
    assert answer.headers["location"] == "/check-your-inbox"
    assert browser.link("/confirm/", ADA)


def test_nobody_without_an_interest_waits_for_an_edition_in_vain(
    browser: Browser, shop: Workshop, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        profile = profiles.listing(session, ada)[0]
        profile.active = False
    assert "All your interests are off" in browser.get("/preferences").text
    with shop.database.session() as session:
        profiles.remove(session, session.get_one(Profile, profile.id), now)
    page = browser.get("/preferences").text
    assert "You have removed all your interests, so no edition comes" in page
    assert "No edition comes until you add an interest." in page
    assert f'action="/preferences/interests/{profile.id}/restore"' in page


def test_who_never_said_what_to_read_is_told_what_comes(
    browser: Browser, shop: Workshop, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        session.delete(profiles.listing(session, ada)[0])
        who = session.get_one(Subscriber, ada.id)
        who.confirmed_at = who.next_edition_at = now - timedelta(hours=2)
    page = browser.get("/preferences").text
    assert "Until you do, your editions hold what is trending." in page
    assert 'href="/welcome/topics"' in page
    assert "comes within minutes" in page


def test_what_was_removed_long_ago_is_not_offered_any_more(
    browser: Browser, shop: Workshop, ada: Subscriber, now: datetime
) -> None:
    with shop.database.session() as session:
        profiles.remove(session, profiles.listing(session, ada)[0], now - timedelta(days=30))
    assert "restore" not in browser.get("/preferences").text


def test_the_list_of_interests_says_when_it_is_full(browser: Browser, shop: Workshop, ada: Subscriber) -> None:
    with shop.database.session() as session:
        for number in range(profiles.MOST_PROFILES - 1):
            make_profile(session, ada, name=f"Interest {number}")
    page = browser.get("/preferences").text
    assert 'class="button" href="/preferences/interests/new"' not in page
    assert "that is the most" in page


@pytest.mark.usefixtures("ada")
def test_other_browsers_are_listed_and_signed_out(browser: Browser, clock: Clock) -> None:
    other = browser.other()
    clock.move(days=1)
    other.sign_in(ADA)
    page = browser.get("/preferences").text
    assert page.count("This browser, signed in on") == 1
    assert page.count("Another browser, signed in on") == 1
    assert browser.press("/preferences", "Sign out everywhere").headers["location"] == "/"
    assert other.get("/preferences").headers["location"] == "/sign-in"


def test_a_stale_button_does_nothing(browser: Browser, shop: Workshop, ada: Subscriber, clock: Clock) -> None:
    with shop.database.session() as session:
        schedule.pause(session, session.get_one(Subscriber, ada.id), None, clock.now)
    page = browser.get("/preferences")
    assert "Paused until you resume." in page.text
    clock.move(hours=3)
    assert browser.press(page, "Resume").status_code == 403
    assert rows(shop, Subscriber)[0]["status"] is SubscriberStatus.PAUSED


@pytest.mark.parametrize("choice", ["", "resume", "nonsense"])
@pytest.mark.usefixtures("ada")
def test_a_button_that_is_out_of_date_is_answered_with_the_page(browser: Browser, shop: Workshop, choice: str) -> None:
    before = [row for row in everything(shop) if row.startswith("subscriber ")]
    token = token_of(browser.get("/preferences").text)
    answer = browser.post("/preferences", {"form_token": token, "choice": choice})
    if choice == "resume":  # who is active already is so once more
        assert answer.status_code == 303
    else:
        assert answer.status_code == 422
        assert "Error: Preferences" in answer.text
    assert [row for row in everything(shop) if row.startswith("subscriber ")] == before
