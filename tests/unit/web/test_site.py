"""What all visits share follows the settings."""

import pytest
from browsing import ONE_DATABASE

from digest.web.site import Site
from digest.workshop import Workshop

pytestmark = ONE_DATABASE


def site(shop: Workshop, **given: object) -> Site:
    shop.settings = shop.settings.model_copy(update=given)
    return Site(shop)


def test_letters_are_limited_as_the_settings_say(shop: Workshop) -> None:
    office = site(shop, limits=["letters=1/hour;2/day", "all-letters=9/hour"]).office
    assert (office.per_address, office.in_all) == ((1, 2), 9)


@pytest.mark.parametrize(
    ("given", "contact"),
    [
        (
            {"contact": "https://papers.example/contact", "reply_to": "us@papers.example"},
            "https://papers.example/contact",
        ),
        ({"reply_to": "us@papers.example"}, "us@papers.example"),
        ({}, "digest@papers.example"),
    ],
)
def test_there_is_somebody_to_write_to(shop: Workshop, given: dict[str, object], contact: str) -> None:
    assert site(shop, **given).contact == contact


def test_the_site_is_called_what_its_mail_is(shop: Workshop) -> None:
    assert site(shop).name == "Paper Digest"
    shop.__dict__.pop("sender", None)
    assert site(shop, mail_from="digest@papers.example").name == "papers.example"


@pytest.mark.parametrize(("url", "secure"), [("https://papers.example", True), ("http://localhost:8000", False)])
def test_it_is_secure_over_tls(shop: Workshop, url: str, secure: bool) -> None:
    assert site(shop, base_url=url).is_secure is secure
