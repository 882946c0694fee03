"""Messages of Amazon SNS over HTTPS: what makes one authentic, and confirming a subscription.

The signature's certificate is taken only from Amazon's own hosts in the topic's region, never from elsewhere, and no
other address that a message names is ever asked. Both signature versions are known: 1 is SHA-1, 2 is SHA-256.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from digest.errors import InvalidRequest, PermanentError

Fetch = Callable[[str], bytes]

TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z]{2,4}(?:-[a-z]+)+-\d{1,2}):\d{12}:[\w.-]{1,256}")
CERTIFICATE_PATH = r"/[\w.-]{1,100}\.pem"
CONFIRMATION_PATH = r"/\?Action=ConfirmSubscription&[\w=&%.:~+-]{1,2000}"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": NOTIFICATION,
    "SubscriptionConfirmation": CONFIRMATION,
    "UnsubscribeConfirmation": CONFIRMATION,
}
HASHES = {"1": SHA1, "2": SHA256}


def open_message(message: Mapping[str, object], topic: str, now: datetime, fetch: Fetch) -> str:
    """The text of an authentic notification, "" for other messages of SNS; a subscription to `topic` is confirmed.

    Raises PermanentError when it is not of SNS or not of `topic`, InvalidRequest when it is no message at all, and what
    `fetch` raises.
    """
    kind = message.get("Type")
    names = SIGNED.get(kind) if isinstance(kind, str) else None
    if names is None:
        raise InvalidRequest("This is no message of Amazon SNS.")
    region = TOPIC.fullmatch(topic)
    if message.get("TopicArn") != topic or region is None:
        raise PermanentError("This is not our topic.")
    _check_signature(message, names, fetch(_check_url(message, "SigningCertURL", region[1], CERTIFICATE_PATH)), now)
    if kind == "SubscriptionConfirmation":
        fetch(_check_url(message, "SubscribeURL", region[1], CONFIRMATION_PATH))
    return str(message.get("Message", "")) if kind == "Notification" else ""


def _check_url(message: Mapping[str, object], name: str, region: str, path: str) -> str:
    url = message.get(name)
    if not isinstance(url, str) or not re.fullmatch(rf"https://sns\.{re.escape(region)}\.amazonaws\.com{path}", url):
        raise PermanentError(f"{name} is not an address of Amazon SNS in {region}.")
    return url


def _check_signature(message: Mapping[str, object], names: tuple[str, ...], pem: bytes, now: datetime) -> None:
    algorithm = HASHES.get(str(message.get("SignatureVersion")))
    if algorithm is None:
        raise PermanentError("The signature is of a version that we do not know.")
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        signature = base64.b64decode(str(message.get("Signature")), validate=True)
        if not isinstance(key, RSAPublicKey):
            raise PermanentError("The certificate's key is not RSA.")
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise PermanentError("The certificate is not valid today.")
        key.verify(signature, signed.encode("utf-8", "surrogatepass"), PKCS1v15(), algorithm())
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise PermanentError("The signature is not true.") from error
