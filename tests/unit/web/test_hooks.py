"""Webhooks: who may call them, what they answer, and that a forged call changes nothing."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from bounced import TOPIC, Amazon, envelope, facts, make_dsn, make_letter, send_one, ses_bounce, sign_mailgun
from httpx2 import Response
from pydantic import SecretStr
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from digest import returns
from digest.errors import Unreachable
from digest.tables import OutboxMessage
from digest.web import hooks
from digest.web.app import make_app
from digest.workshop import Workshop

SECRET, KEY = "a-secret-of-enough-length", "key-of-mailgun"
BEARER = {"Authorization": f"Bearer {SECRET}"}
PROVIDERS = ["ses", "postmark", "mailgun", "report"]


@pytest.fixture
def client(shop: Workshop, now: datetime, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """All four webhooks are configured, and it is `now`."""
    given = {"webhook_secret": SecretStr(SECRET), "mailgun_key": SecretStr(KEY), "ses_topic": TOPIC}
    shop.settings = shop.settings.model_copy(update=given)
    monkeypatch.setattr(hooks, "utc_now", lambda: now)
    return TestClient(make_app(shop), follow_redirects=False)


@pytest.fixture
def amazon(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    made = Amazon(now)
    monkeypatch.setattr(returns, "fetch", made.fetch)
    return made


@pytest.fixture
def sent(shop: Workshop, now: datetime) -> OutboxMessage:
    return send_one(shop, now)


def post(client: TestClient, provider: str, body: object, headers: dict[str, str] | None = None) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/hooks/{provider}", content=content, headers=headers or {})


def calls(amazon: Amazon, sent: OutboxMessage, now: datetime) -> dict[str, tuple[Any, dict[str, str]]]:
    """A true call of every provider about the same mail: its body and its headers."""
    person = sent.recipient
    failed = {"event": "failed", "severity": "permanent", "recipient": person, "delivery-status": {"message": "5.1.1"}}
    return {
        "ses": (amazon.notify(ses_bounce(envelope(sent.id), person)), {"x-amz-sns-message-type": "Notification"}),
        "postmark": ({"RecordType": "Bounce", "Type": "HardBounce", "Email": person}, BEARER),
        "mailgun": (sign_mailgun(failed, KEY, now), {}),
        "report": (make_dsn(envelope(sent.id), person), BEARER),
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_true_call_is_acted_on_once_and_answered_each_time(
    client: TestClient, shop: Workshop, amazon: Amazon, sent: OutboxMessage, provider: str
) -> None:
    body, headers = calls(amazon, sent, hooks.utc_now())[provider]
    with capture_logs() as logged:
        assert post(client, provider, body, headers).status_code == 200
    after = facts(shop)
    assert after["subscribers"] == [(sent.subscriber_id, "suppressed")]
    assert after["messages"][0][1] == hooks.utc_now()
    assert sent.recipient not in str(logged)
    assert post(client, provider, body, headers).status_code == 200
    assert facts(shop) == after


def forged_calls(amazon: Amazon, sent: OutboxMessage, now: datetime) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Calls of somebody who knows the address, but no secret."""
    true = calls(amazon, sent, now)
    stranger = Amazon(now)
    yield "ses", stranger.notify(ses_bounce(envelope(sent.id), sent.recipient)), {}
    yield "ses", true["ses"][0] | {"Message": json.dumps(ses_bounce(envelope(sent.id), "bo@example.org"))}, {}
    yield "ses", true["ses"][0] | {"SigningCertURL": "https://evil.example/a.pem"}, {}
    for provider in ("postmark", "report"):
        yield provider, true[provider][0], {}
        yield provider, true[provider][0], {"Authorization": "Bearer wrong"}
        yield provider, true[provider][0], {"Authorization": "Basic Og=="}
    yield "mailgun", sign_mailgun(true["mailgun"][0]["event-data"], "wrong", now), {}
    yield "mailgun", {"event-data": true["mailgun"][0]["event-data"]}, {}


def test_a_forged_call_is_refused_and_changes_nothing(
    client: TestClient, shop: Workshop, amazon: Amazon, sent: OutboxMessage, now: datetime
) -> None:
    before = facts(shop)
    for provider, body, headers in forged_calls(amazon, sent, now):
        answer = post(client, provider, body, headers)
        assert (answer.status_code, answer.text) == (403, "forbidden\n")
    assert facts(shop) == before


def test_a_mail_handed_over_by_our_server_is_believed_no_more_than_any_mail(
    client: TestClient, shop: Workshop, sent: OutboxMessage
) -> None:
    before = facts(shop)
    forged = make_dsn("bounces@papers.example", sent.recipient, message_id=sent.message_id)
    assert post(client, "report", forged, BEARER).status_code == 200
    assert facts(shop) == before


def test_mail_to_the_unsubscribe_address_may_be_handed_over(
    client: TestClient, shop: Workshop, sent: OutboxMessage
) -> None:
    assert post(client, "report", make_letter(envelope(sent.subscriber_id, "u")), BEARER).status_code == 200
    assert facts(shop)["subscribers"] == [(sent.subscriber_id, "unsubscribed")]


def test_a_subscription_to_our_topic_is_confirmed(client: TestClient, amazon: Amazon) -> None:
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=1"
    fields = {"Message": "x", "MessageId": "1", "Timestamp": "t", "Token": "1", "TopicArn": TOPIC}
    message = amazon.sign(fields | {"Type": "SubscriptionConfirmation", "SubscribeURL": url})
    assert post(client, "ses", message).status_code == 200
    assert amazon.fetched[-1] == url


@pytest.mark.parametrize(
    ("provider", "body", "headers"),
    [
        ("ses", b"", {}),
        ("ses", b"{}", {}),
        ("ses", b"\xff\x00", {}),
        ("postmark", b"no json", BEARER),
        ("postmark", b"[]", BEARER),
        ("mailgun", b"{", {}),
        ("report", b"hello", BEARER),
        ("report", b"", BEARER),
    ],
)
def test_rubbish_is_not_understood(client: TestClient, provider: str, body: bytes, headers: dict[str, str]) -> None:
    assert post(client, provider, body, headers).status_code == 400


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_body_that_is_too_large_is_not_read(client: TestClient, provider: str) -> None:
    assert post(client, provider, b" " * hooks.LONGEST_BODY, BEARER).status_code in (400, 403)
    assert post(client, provider, b" " * (hooks.LONGEST_BODY + 1), BEARER).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from [b" " * 100_000] * 11

    assert client.post(f"/hooks/{provider}", content=chunks(), headers=BEARER).status_code == 413


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_webhook_that_is_not_configured_is_not_there(shop: Workshop, provider: str) -> None:
    assert post(TestClient(make_app(shop)), provider, b"{}", BEARER).status_code == 404


@pytest.mark.parametrize("path", ["ses/", "SES", "other", "", "ses/x", "%2e%2e/metrics"])
def test_another_path_is_not_found_and_never_redirected(client: TestClient, path: str) -> None:
    assert client.post(f"/hooks/{path}", content=b"{}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_post_is_answered(client: TestClient, method: str) -> None:
    assert client.request(method, "/hooks/ses").status_code == 405


def test_when_amazon_or_the_database_does_not_answer_they_shall_try_again(
    client: TestClient, amazon: Amazon, sent: OutboxMessage, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise Unreachable("nobody there")

    body, headers = calls(amazon, sent, now)["ses"]
    monkeypatch.setattr(returns, "fetch", fail)
    assert post(client, "ses", body, headers).status_code == 503
    body, headers = calls(amazon, sent, now)["report"]
    monkeypatch.setattr(returns, "_apply", fail)
    assert post(client, "report", body, headers).status_code == 503
