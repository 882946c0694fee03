"""What Amazon SNS signed for our topic is opened; nothing else is, and nothing but Amazon is asked."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bounced import CERTIFICATE_URL, TOPIC, Amazon, make_certificate
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from digest.errors import DigestError, InvalidRequest, PermanentError
from digest.mail.sns import open_message

SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


@pytest.fixture
def amazon(now: datetime) -> Amazon:
    return Amazon(now)


def confirmation(**fields: str) -> dict[str, str]:
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-0000-0000-0000-000000000000",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe.",
        "SubscribeURL": SUBSCRIBE_URL,
        "Timestamp": "2026-05-06T09:00:00.000Z",
    } | fields


def test_a_notification_is_opened(amazon: Amazon, now: datetime) -> None:
    for fields in ({}, {"Subject": "Amazon SES"}):
        assert open_message(amazon.notify("told", **fields), TOPIC, now, amazon.fetch) == "told"
    assert set(amazon.fetched) == {CERTIFICATE_URL}


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_signatures_are_known(amazon: Amazon, now: datetime, version: str) -> None:
    message = amazon.sign(amazon.notify("told"), version)
    assert open_message(message, TOPIC, now, amazon.fetch) == "told"
    crossed = message | {"SignatureVersion": "1" if version == "2" else "2"}
    with pytest.raises(PermanentError):
        open_message(crossed, TOPIC, now, amazon.fetch)


def test_a_subscription_is_confirmed_by_asking_amazon(amazon: Amazon, now: datetime) -> None:
    assert open_message(amazon.sign(confirmation()), TOPIC, now, amazon.fetch) == ""
    assert amazon.fetched == [CERTIFICATE_URL, SUBSCRIBE_URL]


def test_the_end_of_a_subscription_asks_nobody(amazon: Amazon, now: datetime) -> None:
    assert open_message(amazon.sign(confirmation(Type="UnsubscribeConfirmation")), TOPIC, now, amazon.fetch) == ""
    assert amazon.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Something&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/a/../b.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem\n",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://snsxeu-west-1.amazonaws.com/a.pem",
        "file:///etc/ssl/a.pem",
        "",
        None,
        7,
    ],
)
def test_a_certificate_of_another_place_is_never_fetched(amazon: Amazon, now: datetime, url: object) -> None:
    with pytest.raises(PermanentError, match="SigningCertURL"):
        open_message(amazon.notify("told") | {"SigningCertURL": url}, TOPIC, now, amazon.fetch)
    assert amazon.fetched == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&Token=1",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1 x",
    ],
)
def test_a_subscription_is_confirmed_nowhere_else_even_if_signed(amazon: Amazon, now: datetime, url: str) -> None:
    with pytest.raises(PermanentError, match="SubscribeURL"):
        open_message(amazon.sign(confirmation(SubscribeURL=url)), TOPIC, now, amazon.fetch)
    assert amazon.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "forged"},
        {"Subject": "added"},
        {"MessageId": "other"},
        {"Signature": "AAAA"},
        {"Signature": "no base64!"},
        {"Signature": None},
        {"SignatureVersion": "3"},
        {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:other"},
        {"Type": "SubscriptionConfirmation"},
    ],
)
def test_what_was_changed_after_signing_is_refused(amazon: Amazon, now: datetime, change: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        open_message(amazon.notify("told") | change, TOPIC, now, amazon.fetch)


@pytest.mark.parametrize("days", [-16, 16])
def test_a_certificate_of_another_time_is_refused(amazon: Amazon, now: datetime, days: int) -> None:
    with pytest.raises(PermanentError, match="not valid today"):
        open_message(amazon.notify("told"), TOPIC, now + timedelta(days=days), amazon.fetch)


def test_a_certificate_that_is_none_or_of_another_key_is_refused(amazon: Amazon, now: datetime) -> None:
    other = make_certificate(generate_private_key(65537, 2048), now)
    curve = make_certificate(ec.generate_private_key(ec.SECP256R1()), now)  # type: ignore[arg-type]
    for pem in (b"", b"<html>", other, curve):
        with pytest.raises(PermanentError):
            open_message(amazon.notify("told"), TOPIC, now, lambda _url, pem=pem: pem)  # type: ignore[misc]


@pytest.mark.parametrize("message", [{}, {"Type": "Other"}, {"Type": ["Notification"]}, {"notificationType": "Bounce"}])
def test_what_is_not_of_sns_is_not_understood(amazon: Amazon, now: datetime, message: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        open_message(message, TOPIC, now, amazon.fetch)


@pytest.mark.parametrize("topic", ["", "arn:aws:sns:eu-west-1", "arn:aws:sns:evil.example/:123456789012:x"])
def test_a_topic_that_is_none_opens_nothing(amazon: Amazon, now: datetime, topic: str) -> None:
    with pytest.raises(DigestError):
        open_message(amazon.notify("told", TopicArn=topic), topic, now, amazon.fetch)
    assert amazon.fetched == []


def test_a_strangers_topic_that_amazon_signed_as_well_is_refused(amazon: Amazon, now: datetime) -> None:
    message = amazon.notify("told", TopicArn="arn:aws:sns:eu-west-1:999999999999:returns")
    with pytest.raises(PermanentError, match="not our topic"):
        open_message(message, TOPIC, now, amazon.fetch)
    assert amazon.fetched == []
