"""Subscribing: a letter, one press, the first edition; and the same answer for everybody, whatever is known of them."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from browsing import ONE_DATABASE, Browser, Clock, Mail, forms_of
from factories import TOPICS, make_subscriber
from httpx2 import Response
from scenes import bring, everything, rows, sent

from digest import pipeline
from digest.mail.suppression import suppress
from digest.mail.transports import Envelope, MemoryTransport, Settle
from digest.subscribers import optin
from digest.tables import MailKind, OutboxMessage, Profile, Subscriber, SubscriberStatus
from digest.workshop import Workshop

ADA = "ada@example.org"


def join(browser: Browser, address: str = ADA, text: str = "") -> Response:
    return browser.press("/subscribe", "Subscribe", email=address, text=text)


def statuses(shop: Workshop) -> dict[object, object]:
    return {row["email"]: row["status"] for row in rows(shop, Subscriber)}


def kinds(shop: Workshop) -> list[tuple[object, object]]:
    return [(row["recipient"], row["kind"]) for row in rows(shop, OutboxMessage)]


def test_from_the_form_to_the_first_edition_without_a_run(
    shop: Workshop, browser: Browser, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(shop, now)
    pipeline.run(shop, now, upto="ingest")
    pipeline.prepare(shop, now)
    monkeypatch.setattr(pipeline, "run", None)
    answer = join(browser, text=f"  {TOPICS['mamba']}\n")
    assert (answer.status_code, answer.headers["location"]) == (303, "/check-your-inbox")
    page = browser.land(answer).text
    assert ADA in page
    assert "48 hours" in page
    assert statuses(shop) == {ADA: SubscriberStatus.PENDING}
    answer = browser.press(browser.link("/confirm/"), "Confirm")
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome/topics")
    assert statuses(shop) == {ADA: SubscriberStatus.ACTIVE}
    letter, edition = browser.mails(ADA)
    assert "Confirm" in letter.subject
    assert "Mamba" in edition.text
    assert edition.message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert [row["text"] for row in rows(shop, Profile)] == [TOPICS["mamba"]]
    assert "Sign in</a>" not in browser.get("/help").text


def test_no_edition_before_the_press(shop: Workshop, browser: Browser, now: datetime) -> None:
    join(browser)
    link = browser.link("/confirm/")
    for _ in range(3):
        assert browser.other().get(link).status_code == 200
        assert browser.other().client.head(link).status_code == 200
    pipeline.run(shop, now + timedelta(hours=1))
    assert kinds(shop) == [(ADA, MailKind.CONFIRM)]
    assert statuses(shop) == {ADA: SubscriberStatus.PENDING}


def test_what_was_typed_last_counts(shop: Workshop, browser: Browser) -> None:
    for text in ("first", "second <b>\x00\ud83d", ""):
        join(browser, text=text.encode("utf-8", "replace").decode())
    assert [row["text"] for row in rows(shop, Profile)] == ["second <b>?"]


@ONE_DATABASE
@pytest.mark.parametrize("address", ["", "ada", "ada@", "a@b\r\nBcc: eve@example.org", "ada@exa mple.org"])
def test_a_wrong_address_keeps_what_was_typed(shop: Workshop, browser: Browser, address: str) -> None:
    answer = join(browser, address, "I read <b>papers</b> & “notes”")
    assert answer.status_code == 422
    assert "<title>Error: Subscribe" in answer.text
    assert 'href="#email"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "I read &lt;b&gt;papers&lt;/b&gt; &amp; “notes”" in answer.text
    assert rows(shop, Subscriber) == []
    again = browser.press(answer, "Subscribe", email=ADA)
    assert again.status_code == 303
    assert [row["text"] for row in rows(shop, Profile)] == ["I read <b>papers</b> & “notes”"]


@ONE_DATABASE
def test_a_text_that_is_too_long_is_told_and_kept(browser: Browser) -> None:
    answer = join(browser, text="x" * 4001)
    assert answer.status_code == 422
    assert "Description must be 4,000 characters or fewer" in answer.text
    assert "x" * 4001 in answer.text


@ONE_DATABASE
@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "'\r\nX-Evil: 1"])
def test_whatever_is_typed_comes_back_as_text(browser: Browser, typed: str) -> None:
    answer = join(browser, f"{typed}@example.org", typed)
    assert answer.status_code in (303, 422)
    assert "x-evil" not in answer.headers
    for page in (answer.text, browser.get("/check-your-inbox").text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page


class Prepared:
    """Addresses of every kind that we may know, and one that we do not."""

    def __init__(self, shop: Workshop, now: datetime) -> None:
        with shop.database.session() as session:
            for status in SubscriberStatus:
                make_subscriber(session, now, email=f"{status.value}@example.org", status=status)
            suppress(session, "never@example.org", "asked", now)
        self.addresses = [f"{status.value}@example.org" for status in SubscriberStatus]
        self.addresses += ["never@example.org", "new@example.org"]


@pytest.mark.parametrize(("path", "button"), [("/subscribe", "Subscribe"), ("/sign-in", "Email me a link")])
def test_everybody_gets_the_same_answer(shop: Workshop, clock: Clock, now: datetime, path: str, button: str) -> None:
    shop.settings = shop.settings.model_copy(update={"limits": [f"{path[1:]}=100/minute;100/hour"]})
    browser = Browser(shop, clock)
    answers = set()
    for address in Prepared(shop, now).addresses:
        one = browser.other()
        answer = one.press(path, button, email=address)
        page = one.land(answer).text.replace(address, "ADDRESS")
        for form in forms_of(page):
            page = page.replace(form.fields["form_token"][0], "TOKEN")
        answers.add((answer.status_code, answer.headers["location"], answer.text, page))
    browser.close()
    assert len(answers) == 1


class Blocked(MemoryTransport):
    """A mail server that does not answer until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def send_all(self, envelopes: Iterator[Envelope], settle: Settle) -> None:
        self.go_on.wait(30)
        super().send_all(envelopes, settle)


def test_no_answer_waits_for_the_mail_server_so_that_its_time_tells_nothing(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    shop.__dict__["transport"] = transport = Blocked()
    with shop.database.session() as session:
        make_subscriber(session, now, email=ADA)
    assert join(browser, ADA).status_code == 303
    assert join(browser, "new@example.org").status_code == 303
    assert transport.sent == []
    transport.go_on.set()
    assert len(browser.mails()) == 2


def test_who_is_subscribed_is_told_so_by_mail_and_stays_as_they_are(
    shop: Workshop, browser: Browser, now: datetime
) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, email=ADA, name="Ada")
    join(browser, text="Something else")
    assert kinds(shop) == [(ADA, MailKind.ALREADY_SUBSCRIBED)]
    assert rows(shop, Profile) == []
    browser.press(browser.link("/sign-in/"), "Sign in")
    assert "Sign in</a>" not in browser.get("/help").text


def test_an_address_that_is_not_to_be_mailed_gets_nothing(shop: Workshop, browser: Browser, now: datetime) -> None:
    with shop.database.session() as session:
        suppress(session, ADA, "complaint", now)
    join(browser)
    assert browser.mails() == []
    assert rows(shop, Subscriber) == []


def test_a_robot_gets_the_same_answer_and_nothing_is_stored(shop: Workshop, browser: Browser) -> None:
    before = everything(shop)
    answer = browser.press("/subscribe", "Subscribe", email=ADA, website="https://spam.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/check-your-inbox")
    assert ADA in browser.land(answer).text
    assert browser.mails() == []
    assert everything(shop) == before


@ONE_DATABASE
def test_a_form_that_comes_at_once_is_shown_again(shop: Workshop, browser: Browser, clock: Clock) -> None:
    page = browser.get("/subscribe")
    clock.move(seconds=-2)
    answer = browser.press(page, "Subscribe", email=ADA)  # takes three seconds more: one in all
    assert answer.status_code == 403
    assert "robots" in answer.text
    assert f'value="{ADA}"' in answer.text
    assert rows(shop, Subscriber) == []
    assert browser.press(answer, "Subscribe").status_code == 303


def test_three_letters_an_hour_and_six_a_day_go_to_one_address(shop: Workshop, browser: Browser, clock: Clock) -> None:
    for number in range(5):
        assert join(browser.other() if number % 2 else browser).status_code == 303
    assert len(browser.mails(ADA)) == 3
    newest = browser.link("/confirm/")
    assert "Confirm</button>" in browser.get(newest).text
    shop.settings = shop.settings.model_copy(update={"limits": []})
    later = Browser(shop, clock)
    clock.move(hours=1)
    for _ in range(4):
        join(later)
    assert len(later.mails(ADA)) == 6
    clock.move(hours=1)
    assert join(later).status_code == 303
    assert len(later.mails(ADA)) == 6
    later.close()


@ONE_DATABASE
def test_a_network_that_asks_too_often_is_told_when_to_ask_again(shop: Workshop, browser: Browser) -> None:
    answers = [join(browser, f"reader{number}@example.org") for number in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    assert "Please wait a moment" in answers[-1].text
    assert len(rows(shop, Subscriber)) == 5


def test_the_letter_comes_again_with_the_same_answer(shop: Workshop, browser: Browser, now: datetime) -> None:
    for address in (ADA, "never@example.org"):
        with shop.database.session() as session:
            suppress(session, "never@example.org", "asked", now)
        join(browser, address)
        answer = browser.press("/check-your-inbox", "Send it again")
        assert "another mail is on its way" in browser.land(answer).text
        assert "another mail is on its way" not in browser.get("/check-your-inbox").text
    assert [recipient for recipient, _ in kinds(shop)] == [ADA, ADA]


@ONE_DATABASE
def test_who_has_asked_for_nothing_is_sent_to_the_form(browser: Browser) -> None:
    assert browser.get("/check-your-inbox").headers["location"] == "/subscribe"
    assert "set-cookie" not in browser.get("/check-your-inbox").headers


@ONE_DATABASE
def test_what_follows_is_told_as_it_is(browser: Browser) -> None:
    join(browser, text="")
    page = browser.get(browser.link("/confirm/"))
    assert "Then say what you want to read." in page.text
    answer = browser.press(page, "Confirm")
    assert "Say what to read, and your first edition follows." in browser.land(answer).text
    other = browser.other()
    join(other, "grace@example.org", "How cells repair their DNA")
    page = other.get(other.link("/confirm/"))
    assert "Then say what you want to read." not in page.text
    assert "Your first edition is on its way." in other.land(other.press(page, "Confirm")).text


@ONE_DATABASE
def test_a_link_that_is_too_old_has_another_mailed_at_a_press(browser: Browser, clock: Clock) -> None:
    join(browser)
    old = browser.link("/confirm/")
    clock.move(hours=49)
    stranger = browser.other()
    assert stranger.get(f"{old}/again").status_code == 200
    assert len(browser.mails()) == 1
    answer = stranger.press(stranger.get(old), "Send me a new link")
    assert ADA in stranger.land(answer).text
    assert len(browser.mails(ADA)) == 2
    assert browser.press(browser.link("/confirm/"), "Confirm").headers["location"] == "/welcome/topics"
    assert browser.post(f"{old}x/again", {}).status_code == 404


def test_a_link_works_once_and_the_newest_only(browser: Browser) -> None:
    join(browser)
    first = browser.link("/confirm/")
    join(browser)
    second = browser.link("/confirm/")
    assert "too old" in browser.get(first).text
    page = browser.get(second)
    assert browser.press(page, "Confirm").status_code == 303
    assert "You are subscribed already" in browser.other().get(second).text
    answer = browser.other().post(second, {"form_token": "x"})
    assert "You are subscribed already" in answer.text
    assert "set-cookie" not in answer.headers


def test_after_two_days_a_link_leads_to_a_new_one(shop: Workshop, browser: Browser, clock: Clock) -> None:
    join(browser)
    page = browser.get(browser.link("/confirm/"))
    clock.move(hours=47)
    assert "Confirm</button>" in browser.get(browser.link("/confirm/")).text
    assert browser.press(page, "Confirm").status_code == 403
    clock.move(hours=1)
    assert "This link is too old" in browser.get(browser.link("/confirm/")).text
    assert statuses(shop) == {ADA: SubscriberStatus.PENDING}


def test_this_was_not_me_leaves_nothing_but_a_hash(shop: Workshop, browser: Browser) -> None:
    join(browser, text="A private interest")
    link = browser.link("/confirm/").replace("/confirm/", "/not-me/")
    assert browser.get(link).status_code == 200
    answer = browser.press(link, "Never mail this address again")
    assert "We will not write again" in answer.text
    assert ADA not in "".join(everything(shop))
    assert "A private interest" not in "".join(everything(shop))
    assert browser.get(link).status_code == 404
    join(browser.other())
    assert len(sent(shop)) == 1


def test_a_link_that_was_never_mailed_is_no_page(shop: Workshop, clock: Clock) -> None:
    shop.settings = shop.settings.model_copy(update={"limits": ["links=1000/minute"]})
    browser = Browser(shop, clock)
    for token in ("x", "%00", "%ff%fe", "%F0%9F", "a" * 20_000, "<script>alert", "a?b", "😀"):
        for path in (f"/confirm/{token}", f"/not-me/{token}"):
            for answer in (browser.get(path), browser.post(path, {})):
                assert answer.status_code == 404
                assert "<script>alert" not in answer.text
    browser.close()


def test_a_mail_to_somebody_unconfirmed_holds_no_word_of_who_asked(browser: Browser) -> None:
    join(browser, text="Buy cheap watches at https://spam.example")
    mail: Mail = browser.mails()[0]
    assert "watches" not in mail.text + mail.html + mail.subject
    assert mail.message["to"] == ADA


def test_an_address_is_one_person_however_it_is_spelt(shop: Workshop, browser: Browser) -> None:
    for spelt in ("Ada@Example.org ", " ADA@EXAMPLE.ORG", ADA):
        join(browser, spelt)
    assert list(statuses(shop)) == [optin.parse_address(ADA)]
