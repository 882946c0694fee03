"""Leaving in one press, without a cookie, a token or a word; and what a link that may be forwarded can do."""

from datetime import UTC, datetime

import pytest
from browsing import ONE_DATABASE, Browser, Clock
from editions import Sent, send_edition
from scenes import everything, rows

from digest.mail.suppression import suppress
from digest.tables import Profile, Subscriber, SubscriberStatus
from digest.workshop import Workshop

ADA = "ada@example.org"


@pytest.fixture
def sent(shop: Workshop, now: datetime) -> Sent:
    return send_edition(shop, now, ADA)


def status(shop: Workshop) -> object:
    return rows(shop, Subscriber)[0]["status"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
        ),
        ("text/plain", b"List-Unsubscribe=One-Click"),
        ("", b""),
    ],
)
def test_a_mail_program_unsubscribes_with_nothing_but_the_address(
    shop: Workshop, browser: Browser, sent: Sent, kind: str, body: bytes
) -> None:
    for _ in range(3):
        headers = {"Content-Type": kind} if kind else {}
        answer = browser.client.post(sent.unsubscribe, content=body, headers=headers)
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
        assert "set-cookie" not in answer.headers
    assert status(shop) is SubscriberStatus.UNSUBSCRIBED
    assert browser.mails() == []


def test_a_foreign_page_may_not_keep_anybody_from_leaving(shop: Workshop, browser: Browser, sent: Sent) -> None:
    answer = browser.post(sent.unsubscribe, {}, Sec_Fetch_Site="cross-site", Origin="https://mail.example")
    assert answer.status_code == 200
    assert status(shop) is SubscriberStatus.UNSUBSCRIBED


def test_two_presses_from_the_mail_and_one_back(shop: Workshop, browser: Browser, sent: Sent) -> None:
    assert "Unsubscribe</button>" in browser.get(sent.unsubscribe).text
    assert status(shop) is SubscriberStatus.ACTIVE
    answer = browser.press(sent.unsubscribe, "Unsubscribe")
    assert "<title>Unsubscribed" in answer.text
    assert "Welcome back" in browser.press(answer, "Subscribe again").text
    assert status(shop) is SubscriberStatus.ACTIVE


@ONE_DATABASE
@pytest.mark.parametrize("ending", ["/undo", "/instead"])
def test_what_is_not_leaving_needs_a_form_of_ours(shop: Workshop, browser: Browser, sent: Sent, ending: str) -> None:
    before = everything(shop)
    assert browser.get(sent.unsubscribe + ending).status_code == 200
    assert browser.client.post(sent.unsubscribe + ending, data={"choice": "weekly"}).status_code == 403
    assert everything(shop) == before


PAUSED = SubscriberStatus.PAUSED
LESS = {
    "Pause for a week": {"status": PAUSED, "paused_until": datetime(2026, 5, 13, 7, tzinfo=UTC)},
    "Pause for a month": {"status": PAUSED, "paused_until": datetime(2026, 6, 5, 7, tzinfo=UTC)},
    "Once a week": {"weekdays": [2]},
    "Fewer papers": {"papers_per_edition": 5},
}


@ONE_DATABASE
@pytest.mark.parametrize("page", ["unsubscribe", "manage"])
@pytest.mark.parametrize("button", LESS)
def test_less_instead_of_nothing(shop: Workshop, browser: Browser, sent: Sent, page: str, button: str) -> None:
    assert browser.press(getattr(sent, page), button).status_code in (200, 303)
    assert {name: rows(shop, Subscriber)[0][name] for name in LESS[button]} == LESS[button]


@ONE_DATABASE
def test_once_a_week_is_on_the_day_that_it_is_for_the_reader(
    shop: Workshop, browser: Browser, sent: Sent, clock: Clock
) -> None:
    with shop.database.session() as session:
        session.get_one(Subscriber, sent.subscriber.id).zone = "Pacific/Auckland"
    clock.move(hours=8)  # Thursday there
    assert "on Thursday" in browser.press(sent.unsubscribe, "Once a week").text
    assert rows(shop, Subscriber)[0]["weekdays"] == [3]


def test_the_page_of_a_mail_turns_interests_off_and_on(shop: Workshop, browser: Browser, sent: Sent) -> None:
    answer = browser.press(sent.manage, "Turn off “mamba”")
    assert "“mamba” is off." in browser.land(answer).text
    assert [row["active"] for row in rows(shop, Profile)] == [False]
    browser.press(sent.manage, "Turn on “mamba”")
    assert [row["active"] for row in rows(shop, Profile)] == [True]
    for number in ("999", "x", "9" * 40):
        assert browser.press(sent.manage, "Turn off “mamba”", interest=number).status_code == 400


def test_the_page_of_a_mail_mails_its_owner_a_link_and_tells_nobody_whose_it_is(browser: Browser, sent: Sent) -> None:
    page = browser.get(sent.manage)
    assert ADA not in page.text
    answer = browser.press(page, "Email me a sign-in link")
    assert ADA not in browser.land(answer).text
    assert browser.link("/sign-in/", ADA)


@ONE_DATABASE
def test_a_mailed_page_that_lay_open_says_that_nothing_was_sent(browser: Browser, sent: Sent, clock: Clock) -> None:
    page = browser.get(sent.manage)
    clock.move(hours=3)
    answer = browser.press(page, "Email me a sign-in link")
    assert answer.status_code == 403
    assert "open for too long" in answer.text
    assert browser.mails() == []
    assert "is on its way" in browser.land(browser.press(answer, "Email me a sign-in link")).text


@pytest.fixture
def gone(shop: Workshop, browser: Browser, sent: Sent, now: datetime) -> Sent:
    """Somebody who left and is not to be mailed."""
    browser.post(sent.unsubscribe, {})
    with shop.database.session() as session:
        suppress(session, ADA, "asked", now)
    return sent


@ONE_DATABASE
def test_no_page_of_a_mail_tells_the_address_of_who_has_left(browser: Browser, gone: Sent) -> None:
    for page, button in (
        (gone.unsubscribe + "/instead", gone.unsubscribe + "/instead"),
        (gone.unsubscribe, "Subscribe again"),
        (gone.manage, "Pause for a week"),
    ):
        extra = {"choice": "pause-week"} if "instead" in page else {}
        answer = browser.press(page, button, **extra)
        assert answer.status_code in (200, 400)
        assert ADA not in answer.text


@ONE_DATABASE
@pytest.mark.parametrize("choice", ["", "never", "pause-week\x00", "<script>"])
def test_what_is_no_choice_is_refused(browser: Browser, sent: Sent, choice: str) -> None:
    answer = browser.press(sent.unsubscribe, "Once a week", choice=choice)
    assert answer.status_code == (200 if choice == "pause-week\x00" else 400)
    assert "<script>" not in answer.text.split("<main")[1]
