"""What all visits share: the workshop, the style sheets, the rates, and who does errands."""

import threading
from dataclasses import replace
from functools import cached_property
from typing import Any

from digest import __version__, templating
from digest.composing.messages import Sender
from digest.errands import Errands
from digest.papers.latex import read_latex
from digest.subscribers.correspondence import Office
from digest.web.rates import Rates
from digest.web.security import allow_styles
from digest.web.statics import Statics
from digest.workshop import Workshop

PREVIEWS_AT_ONCE = 2  # each keeps a processor busy; the others wait their turn


class Site:
    """Made once per process."""

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        templating.environment().filters["title_text"] = read_latex
        self.statics = Statics()
        self.rates = Rates(shop.settings)
        self.errands = Errands(shop)
        self.rehearsals = threading.BoundedSemaphore(PREVIEWS_AT_ONCE)

    @property
    def sender(self) -> Sender:
        return self.shop.sender

    @cached_property
    def office(self) -> Office:
        """Writes letters, within the limits."""
        an_hour, a_day = self.rates.amounts("letters")[:2]
        return replace(self.shop.office, per_address=(an_hour, a_day), in_all=self.rates.amounts("all-letters")[0])

    @property
    def name(self) -> str:
        address = self.sender.address
        return address.display_name or address.domain

    @property
    def contact(self) -> str:
        """Whom a person may write to."""
        settings = self.shop.settings
        return settings.contact or settings.reply_to or self.sender.address.addr_spec

    @cached_property
    def preview_policy(self) -> str:
        """The content policy of pages that show a mail: its styles are named by their hashes, none else is let in."""
        return allow_styles(templating.mail_styles())

    def furniture(self) -> dict[str, Any]:
        """What the frame of every page needs, whoever looks at it."""
        return {
            "site_name": self.name,
            "version": __version__,
            "static": self.statics.address,
            "base_url": self.shop.settings.base_url,
            "contact": self.contact,
            "here": "",
            "reader": None,
            "notes": [],
        }

    @property
    def is_secure(self) -> bool:
        return self.shop.settings.base_url.startswith("https://")
