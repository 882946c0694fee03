"""How tests ask the doors of a fault server, and read what they say without any parser of ours."""

from typing import Any
from xml.etree.ElementTree import Element  # the type alone

import httpx
from defusedxml.ElementTree import fromstring

from world.doors.notes import VENUE
from world.server import FaultServer

CLIENT = httpx.Client(trust_env=False)
INVITATION = f"{VENUE}/-/Submission"
LIST = {"verb": "ListRecords", "metadataPrefix": "arXivRaw"}


def get(server: FaultServer, door: str, path: str = "", **query: Any) -> httpx.Response:
    return CLIENT.get(server.url(door) + path, params={k.rstrip("_"): str(v) for k, v in query.items()})


def xml(server: FaultServer, door: str, path: str = "", **query: Any) -> Element:
    answer = get(server, door, path, **query)
    assert answer.status_code == 200
    root: Element = fromstring(answer.content, forbid_dtd=True)
    return root


def value(server: FaultServer, door: str, path: str = "", **query: Any) -> Any:
    answer = get(server, door, path, **query)
    assert answer.status_code == 200
    return answer.json()


def texts(root: Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == tag]


def error(root: Element) -> str:
    return next((e.get("code", "") for e in root.iter() if e.tag.rpartition("}")[2] == "error"), "")


def harvest(server: FaultServer, **query: Any) -> list[Element]:
    """The records of all pages."""
    found: list[Element] = []
    page = xml(server, "oai", **LIST, **query)
    while True:
        found += page.findall("{*}ListRecords/{*}record")
        token = (page.findtext("{*}ListRecords/{*}resumptionToken") or "").strip()
        if not token:
            return found
        page = xml(server, "oai", verb="ListRecords", resumptionToken=token)


def ids(records: list[Element]) -> list[str]:
    return [record.findtext("{*}metadata/{*}arXivRaw/{*}id") or "" for record in records]
