"""A new address, and one's data: told, taken along and deleted, so that no table and no file holds the person."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from browsing import Browser, Clock
from factories import like, make_paper, make_profile, make_subscriber
from scenes import bring, everything, rows

from digest import pipeline, questions
from digest.mail.suppression import suppress, suppressed
from digest.mail.transports import FolderTransport
from digest.tables import MailKind, OutboxMessage, Subscriber, Suppression, WebSession
from digest.workshop import Workshop

ADA, NEW, BOB = "ada@example.org", "ada@new.example", "bob@example.org"
EMAIL, DATA = "/preferences/email", "/preferences/data"


@pytest.fixture
def ada(shop: Workshop, browser: Browser, now: datetime) -> Subscriber:
    with shop.database.session() as session:
        ada = make_subscriber(session, now, email=ADA, name="Ada Lovelace", confirmed_at=now)
        like(session, make_profile(session, ada, name="Engines"), make_paper(session, now))
    browser.sign_in(ADA)
    return ada


def addresses(shop: Workshop) -> list[object]:
    return [row["email"] for row in rows(shop, Subscriber)]


@pytest.mark.parametrize("page", [EMAIL, DATA, f"{DATA}.json"])
@pytest.mark.usefixtures("ada")
def test_a_browser_that_was_left_open_is_asked_who_is_there(browser: Browser, clock: Clock, page: str) -> None:
    assert browser.get(page).status_code == 200
    clock.move(minutes=16)
    answer = browser.get(page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/again")
    assert browser.press("/sign-in/again", "Email me a link").status_code == 303
    back = browser.press(browser.link("/sign-in/", ADA), "Sign in")
    assert back.headers["location"] == page.removesuffix(".json")


@pytest.mark.usefixtures("ada")
def test_a_left_browser_deletes_nothing(browser: Browser, shop: Workshop, clock: Clock) -> None:
    page = browser.get(DATA)
    clock.move(minutes=16)
    assert browser.press(page, "Delete everything", word="DELETE").headers["location"] == "/sign-in/again"
    assert addresses(shop) == [ADA]


def test_strangers_are_sent_to_sign_in(browser: Browser) -> None:
    for page in (EMAIL, DATA, f"{DATA}.json"):
        assert browser.get(page).headers["location"] == "/sign-in"


# The address


@pytest.mark.usefixtures("ada")
def test_a_new_address_counts_when_it_says_so(browser: Browser, shop: Workshop) -> None:
    told = browser.land(browser.press(EMAIL, "Mail the new address", email=" Ada@New.example ")).text
    assert f"A mail is on its way to {NEW}" in told
    assert addresses(shop) == [ADA]
    link = browser.link("/address/", NEW)
    assert NEW in browser.get(link).text
    assert addresses(shop) == [ADA]
    page = browser.get(link)
    assert f"Your editions go to {NEW}" in browser.press(page, "Use this address").text
    assert addresses(shop) == [NEW]
    assert "Your address is changed already" in browser.get(link).text
    assert browser.press(page, "Use this address").status_code == 200
    assert addresses(shop) == [NEW]


@pytest.mark.usefixtures("ada")
def test_the_old_address_takes_it_back_and_signs_everybody_out(browser: Browser, shop: Workshop) -> None:
    browser.press(EMAIL, "Mail the new address", email=NEW)
    browser.press(browser.link("/address/", NEW), "Use this address")
    stop = browser.link("/keep-address/", ADA)
    assert addresses(shop) == [NEW]
    answer = browser.press(stop, f"Keep {ADA}")
    assert f"Your editions go to {ADA}" in answer.text
    assert 'href="/sign-in"' in answer.text
    assert addresses(shop) == [ADA]
    assert rows(shop, WebSession) == []
    assert "stopped already" in browser.get(stop).text


@pytest.mark.usefixtures("ada")
def test_links_of_addresses_end(browser: Browser, clock: Clock) -> None:
    browser.press(EMAIL, "Mail the new address", email=NEW)
    confirm, stop = browser.link("/address/", NEW), browser.link("/keep-address/", ADA)
    clock.move(days=1)
    assert "This link is too old" in browser.get(confirm).text
    assert "Keep your address" in browser.get(stop).text
    clock.move(days=7)
    assert "can be stopped for 7 days" in browser.get(stop).text


@pytest.mark.parametrize("page", ["/address/nothing", "/keep-address/nothing"])
def test_links_that_we_never_mailed_are_no_pages(browser: Browser, page: str) -> None:
    answer = browser.get(page)
    assert answer.status_code == 404
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("wrong", ["", "ada", "<script>@x", "ada@new.example\r\nBcc: x@y.example"])
@pytest.mark.usefixtures("ada")
def test_what_is_no_address_is_said_at_the_field(browser: Browser, wrong: str) -> None:
    answer = browser.press(EMAIL, "Mail the new address", email=wrong)
    assert answer.status_code == 422
    assert '<a href="#email">Enter an e-mail address like name@example.org</a>' in answer.text
    assert "<script>" not in answer.text
    assert len(browser.mails()) == 1  # the one that signed in


@pytest.mark.usefixtures("ada")
def test_ones_own_address_is_no_new_one(browser: Browser) -> None:
    answer = browser.press(EMAIL, "Mail the new address", email=ADA)
    assert answer.status_code == 422
    assert f"Your editions go to {ADA} already." in answer.text


@pytest.mark.usefixtures("ada")
def test_nobody_learns_who_is_subscribed(browser: Browser, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, email=BOB, confirmed_at=now)
    told = [
        browser.land(browser.press(EMAIL, "Mail the new address", email=address)).text.replace(address, "")
        for address in (BOB, NEW)
    ]
    assert told[0].partition("<h1>")[0] == told[1].partition("<h1>")[0]
    assert "already" in browser.mails(BOB)[0].subject.lower() + browser.mails(BOB)[0].text.lower()


# The data


@pytest.mark.usefixtures("ada")
def test_what_is_stored_is_told_in_numbers(browser: Browser) -> None:
    page = browser.get(DATA).text
    for told in ("1 interest,", "1 example paper,", "0 votes", "0 editions", "1 mail ", "1 signed-in browser."):
        assert told in page, told


@pytest.mark.usefixtures("ada")
def test_the_download_is_a_file_with_everything(browser: Browser) -> None:
    answer = browser.get(f"{DATA}.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="paper-digest-2026-05-06.json"'
    assert answer.headers["cache-control"] == "no-store"
    whole = json.loads(answer.text)
    assert whole["subscriber"]["email"] == ADA
    assert whole["interests"][0]["name"] == "Engines"


@pytest.mark.parametrize("word", ["", "delete", "DELETE <script>"])
@pytest.mark.usefixtures("ada")
def test_nothing_is_deleted_by_mistake(browser: Browser, shop: Workshop, word: str) -> None:
    answer = browser.press(DATA, "Delete everything", word=word, never="y")
    assert answer.status_code == 422
    assert '<a href="#word">Type the word DELETE in capital letters</a>' in answer.text
    assert 'name="never" value="y" checked' in answer.text
    assert "<script>" not in answer.text
    assert addresses(shop) == [ADA]
    assert rows(shop, Suppression) == []


@pytest.mark.usefixtures("ada")
def test_the_box_is_not_ticked_beforehand(browser: Browser) -> None:
    page = browser.get(DATA).text
    assert 'name="never" value="y"' in page
    assert 'name="never" value="y" checked' not in page


@pytest.mark.parametrize("never", [None, "y"])
def test_after_the_deletion_nothing_holds_the_person(
    browser: Browser, shop: Workshop, ada: Subscriber, now: datetime, never: str | None
) -> None:
    with shop.database.session() as session:
        make_subscriber(session, now, email=BOB, confirmed_at=now)
    other = browser.other()
    other.sign_in(BOB)
    other.press(EMAIL, "Mail the new address", email=ADA)  # so that rows of somebody else hold the address
    files = leave_files(shop, ada, now)
    assert ADA in str(everything(shop))
    page = browser.press(DATA, "Delete everything", word=" DELETE ", never=never).text
    assert "Everything is deleted" in page
    assert ("fingerprint" in page) == bool(never)
    assert "Sign in</a>" in page
    left = str(everything(shop))
    assert ADA not in left
    assert "Lovelace" not in left
    assert addresses(shop) == [BOB]
    assert [file for file in files if file.exists()] == []
    assert len(rows(shop, Suppression)) == bool(never)
    assert browser.get("/preferences").headers["location"] == "/sign-in"
    with shop.database.session() as session:
        assert suppressed(session, [ADA]) == ({ADA} if never else set())


def leave_files(shop: Workshop, ada: Subscriber, now: datetime) -> list[Path]:
    """What a preview and the folder transport leave of a person."""
    bring(shop, now)
    shop.transport = FolderTransport(shop.settings.outbox_dir)
    pipeline.run(shop, now)
    preview = questions.write_preview(shop, now, ada, questions.preview(shop, now, ada))
    edition = [path for path in shop.settings.outbox_dir.iterdir() if "ada" in path.name]
    assert {path.suffix for path in edition} == {".eml", ".html"}
    return [preview, *edition]


@pytest.mark.usefixtures("ada")
def test_a_fingerprint_that_was_there_stays_and_is_told(browser: Browser, shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        suppress(session, ADA, "complaint", now)
    assert "fingerprint" in browser.press(DATA, "Delete everything", word="DELETE").text
    assert [row["reason"] for row in rows(shop, Suppression)] == ["complaint"]


@pytest.mark.usefixtures("ada")
def test_who_deleted_everything_may_subscribe_again(browser: Browser, shop: Workshop) -> None:
    browser.press(DATA, "Delete everything", word="DELETE")
    browser.subscribe(ADA)
    assert addresses(shop) == [ADA]
    assert MailKind.CONFIRM in [row["kind"] for row in rows(shop, OutboxMessage)]
