"""What a check of the mail's DNS records is given and gives, and how such records are read and written."""

from dataclasses import dataclass
from typing import Literal

from digest.errors import PermanentError

State = Literal["ok", "warn", "fail"]
LONGEST_STRING = 255  # octets in one character string of a TXT record, RFC 1035 3.3


@dataclass(frozen=True, slots=True)
class Key:
    """A DKIM key in use; `record` is the text of the TXT record that its public half needs."""

    domain: str
    selector: str
    record: str

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class Facts:
    """How this service sends.

    `relay_host` is the mail server that takes the mail, "" when there is none; `address` the IP address that the mail
    leaves from, "" when nobody said so.
    """

    from_domain: str
    envelope_domain: str
    base_url: str
    relay_host: str = ""
    address: str = ""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. A line of `mend` that follows another is a record to paste into the zone."""

    what: str
    state: State
    detail: str
    mend: str = ""


def read_tags(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, without blanks; raises PermanentError when it is no list of tags."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not part.strip():
            continue
        if not equals or name in tags:
            raise PermanentError(f"“{part.strip()[:40]}” is out of place.")
        tags[name] = "".join(value.split())
    return tags


def write_txt(name: str, text: str) -> str:
    """The line of a zone file that publishes `text`, in strings short enough."""
    octets = text.encode()
    parts = [octets[start : start + LONGEST_STRING] for start in range(0, len(octets), LONGEST_STRING)]
    quoted = (part.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"') for part in parts)
    return f"{name}. IN TXT " + " ".join(f'"{part}"' for part in quoted)
