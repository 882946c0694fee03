"""Whatever a program sends, right or wrong, the interface answers as its own description says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import schemathesis
from factories import TOPICS, like, make_edition, make_paper, make_profile, make_subscriber
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from starlette.testclient import TestClient

from digest.clock import utc_now
from digest.settings import Settings
from digest.subscribers import keys
from digest.web.app import make_app
from digest.workshop import Workshop

KEY = "fuzz"
# What a schema cannot say (a category that the arXiv lacks, an address that is none) is refused with 422 all the same.
LEFT_OUT = {"positive_data_acceptance"}
EXAMPLES = 15  # right ones and as many wrong ones, for each of the operations
PEOPLE = 12
QUICK = examples(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # what fails is short enough to be read as it is
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def shop(settings: Settings) -> Iterator[Workshop]:
    limits = ["api=1000000/minute", "letters=1000/hour;1000/day", "all-letters=1000000/hour"]
    made = Workshop(settings.model_copy(update={"limits": limits, "allowed_hosts": ["testserver"]}))
    yield made
    made.database.dispose()


def fill(shop: Workshop, now: datetime) -> str:
    """Papers, subscribers with interests, and the secret of a key that opens everything."""
    with shop.database.session() as session:
        papers = [make_paper(session, now, topic, trend=1.5) for topic in TOPICS for _ in range(3)]
        for _ in range(PEOPLE):
            subscriber = make_subscriber(session, now)
            like(session, make_profile(session, subscriber), papers[0])
            make_edition(session, subscriber, now - timedelta(days=1))
        return keys.create(session, KEY, keys.SCOPES, now)


@pytest.mark.slow
def test_the_interface_keeps_its_word(shop: Workshop) -> None:
    app, secret = make_app(shop), fill(shop, utc_now())
    load_all_checks()
    seen: set[tuple[str, int]] = set()
    with TestClient(app):  # whose end waits for the errands
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
        operations = [found.ok() for found in schema.get_all_operations()]
        for operation in sorted(operations, key=lambda one: one.method == "delete"):  # or there would be nobody left
            for mode in GenerationMode:
                seen |= send(operation, mode, {"Authorization": f"Bearer {secret}"})
    tried = {operation for operation, _ in seen}
    assert len(tried) == len(operations)
    assert {operation for operation, status in seen if status < 300} == tried
    assert {operation for operation, status in seen if status in {400, 401, 404, 422}} == tried


def send(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> set[tuple[str, int]]:
    """Call an operation many times; what it answered."""
    checks = [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]
    statuses: set[tuple[str, int]] = set()

    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode), number=st.integers(1, PEOPLE + 1))
    def check(case: Any, number: int) -> None:
        if mode is GenerationMode.POSITIVE:
            aim(case, number)
        response = case.call_and_validate(headers=headers, checks=checks)
        statuses.add((operation.label, response.status_code))

    check()
    return statuses


def aim(case: Any, number: int) -> None:
    """Let a call be about what there is, which chance would not find."""
    there = {"scheme": "arxiv", "value": f"2605.{number:05}"}
    case.path_parameters = {name: there.get(name, number) for name in case.path_parameters or {}}
    if isinstance(case.body, dict) and "paper" in case.body:
        case.body["paper"] = number
    if isinstance(case.body, dict) and "name" in case.body and number % 2:  # chance writes few phrases that are some
        case.body = {name: said for name, said in case.body.items() if not isinstance(said, list)}
        case.body["text"] = "state space models"
