"""Letters and webhooks are taken one by one, each committed before it is forgotten."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from bounced import CERTIFICATE_URL, TOPIC, envelope, facts, make_dsn, make_letter, make_sent, send_one
from factories import make_subscriber
from pydantic import SecretStr

from digest import returns
from digest.errors import ConfigurationError, PermanentError, Unreachable
from digest.mail import bounces, mailboxes
from digest.mail.providers import Request
from digest.returns import fetch, open_hooks, poll, receive
from digest.settings import load
from digest.workshop import Workshop

SECRET = "a-secret-of-enough-length"


def configure(shop: Workshop, **fields: Any) -> None:
    shop.settings = shop.settings.model_copy(update=fields)


@pytest.fixture
def maildir(shop: Workshop, tmp_path: Path) -> Path:
    folder = tmp_path / "returned"
    for name in ("new", "cur"):
        (folder / name).mkdir(parents=True)
    configure(shop, bounce_mailbox=SecretStr(f"maildir://{folder}"))
    return folder


def test_without_a_mailbox_there_is_nothing_to_poll(shop: Workshop, now: datetime) -> None:
    with pytest.raises(ConfigurationError, match="DIGEST_BOUNCE_MAILBOX is not set"):
        poll(shop, now)


def test_letters_are_taken_removed_and_counted(shop: Workshop, maildir: Path, now: datetime) -> None:
    sent = send_one(shop, now)
    letters = [
        make_dsn(envelope(sent.id), sent.recipient),
        make_dsn(envelope(sent.id), sent.recipient),
        make_dsn("bounces+m1-0123456789abcdef@papers.example", sent.recipient),
        make_letter("digest@papers.example", "I am away"),
    ]
    for number, letter in enumerate(letters):
        (maildir / "new" / f"{number}.host").write_bytes(letter)
    assert poll(shop, now) == Counter(suppressed=1, repeated=1, ignored=1, unknown=1)
    assert [path.name for path in maildir.rglob("*.host*")] == ["3.host:2,S"]
    assert facts(shop)["subscribers"] == [(sent.subscriber_id, "suppressed")]
    assert poll(shop, now) == Counter()


def test_a_crash_before_the_commit_loses_nothing_and_after_it_doubles_nothing(
    shop: Workshop, maildir: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send_one(shop, now)
    notice = make_dsn(envelope(sent.id), sent.recipient, status="5.2.2", diagnostic="smtp; 552 5.2.2 full")
    (maildir / "new" / "1.host").write_bytes(notice)

    def crash(*_: object, **_ids: object) -> None:
        raise Unreachable("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(bounces, "_log", crash)
        with pytest.raises(Unreachable):
            poll(shop, now)
    assert facts(shop)["scores"] == []
    with monkeypatch.context() as patch:
        patch.setattr(mailboxes._Maildir, "remove", crash)
        with pytest.raises(Unreachable):
            poll(shop, now)
    assert facts(shop)["scores"] == [1.0]
    assert poll(shop, now) == Counter(repeated=1)
    assert facts(shop)["scores"] == [1.0]
    assert list(maildir.rglob("*.host*")) == []


def test_a_webhook_is_open_only_when_it_is_configured(shop: Workshop, now: datetime) -> None:
    assert open_hooks(shop) == set()
    with pytest.raises(ConfigurationError):
        receive(shop, "postmark", Request({}, b""), now)
    configure(shop, webhook_secret=SecretStr(SECRET))
    assert open_hooks(shop) == {"postmark", "report"}
    configure(shop, ses_topic=TOPIC, mailgun_key=SecretStr("key"))
    assert open_hooks(shop) == {"postmark", "report", "ses", "mailgun"}


def test_a_mail_handed_over_is_applied(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    configure(shop, webhook_secret=SecretStr(SECRET))
    notice = make_dsn(envelope(sent.id), sent.recipient)
    with pytest.raises(PermanentError):
        receive(shop, "report", Request({}, notice), now)
    told = receive(shop, "report", Request({"authorization": f"Bearer {SECRET}"}, notice), now)
    assert told == Counter(suppressed=1)


def test_the_same_notice_from_many_sides_at_once_counts_once(shop: Workshop, now: datetime) -> None:
    sent = send_one(shop, now)
    configure(shop, webhook_secret=SecretStr(SECRET))
    notice = make_dsn(envelope(sent.id), sent.recipient, status="5.2.2", diagnostic="smtp; 552 5.2.2 full")
    request = Request({"authorization": f"Bearer {SECRET}"}, notice)
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: receive(shop, "report", request, now), range(6)))
    assert sum(told, Counter()) == Counter(scored=1, repeated=5)
    assert facts(shop)["scores"] == [1.0]


def test_bounces_of_one_address_at_once_are_all_counted(shop: Workshop, now: datetime) -> None:
    with shop.database.session() as session:
        who = make_subscriber(session, now)
        sent = [make_sent(session, now, subscriber=who) for _ in range(6)]
    configure(shop, webhook_secret=SecretStr(SECRET))

    def tell(number: int) -> None:
        notice = make_dsn(envelope(number), who.email, status="5.2.2", diagnostic="smtp; 552 5.2.2 full")
        receive(shop, "report", Request({"authorization": f"Bearer {SECRET}"}, notice), now)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tell, [message.id for message in sent]))
    assert facts(shop)["scores"] == [6.0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook_secret", "short"),
        ("bounce_address", "bounces"),
        ("bounce_address", "bounces+x@papers.example"),
        ("bounce_address", "@papers.example"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_being_repeated(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"DIGEST_{name.upper()}") as caught:
        load(data_dir=tmp_path, **{name: value})
    assert "short" not in str(caught.value)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    given = {"bounce_mailbox": "imaps://u:hush@host/INBOX", "webhook_secret": "hush" * 4, "mailgun_key": "hush"}
    assert "hush" not in repr(load(data_dir=tmp_path, **given))


@pytest.fixture
def amazon_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Response | httpx.HTTPError]]:
    """Answers to be given to what `fetch` asks, the first first."""
    answers: list[httpx.Response | httpx.HTTPError] = []
    returns._fetch_once.cache_clear()

    def answer(_request: httpx.Request) -> httpx.Response:
        told = answers.pop(0)
        if isinstance(told, httpx.HTTPError):
            raise told
        return told

    def stream(method: str, url: str, **options: Any) -> Any:
        redirects = options.pop("follow_redirects")
        client = httpx.Client(transport=httpx.MockTransport(answer), **options)
        return client.stream(method, url, follow_redirects=redirects)

    monkeypatch.setattr(httpx, "stream", stream)
    yield answers
    returns._fetch_once.cache_clear()


def test_a_certificate_is_fetched_once_and_kept(amazon_answers: list[httpx.Response]) -> None:
    amazon_answers.append(httpx.Response(200, content=b"certificate"))
    assert [fetch(CERTIFICATE_URL), fetch(CERTIFICATE_URL)] == [b"certificate"] * 2


def test_another_answer_is_not_kept(amazon_answers: list[httpx.Response]) -> None:
    amazon_answers += [httpx.Response(200, content=b"one"), httpx.Response(200, content=b"two")]
    assert [fetch("https://sns.eu-west-1.amazonaws.com/?Action=x") for _ in "12"] == [b"one", b"two"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://evil.example/a.pem"}),
        httpx.Response(404),
        httpx.Response(200, content=b"x" * 70_000),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("slow"),
    ],
)
def test_anything_but_an_answer_is_unreachable_for_now(
    amazon_answers: list[httpx.Response | httpx.HTTPError], answer: httpx.Response | httpx.HTTPError
) -> None:
    amazon_answers.append(answer)
    with pytest.raises(Unreachable, match="amazonaws"):
        fetch(CERTIFICATE_URL)
    amazon_answers.append(httpx.Response(200, content=b"certificate"))
    assert fetch(CERTIFICATE_URL) == b"certificate"
