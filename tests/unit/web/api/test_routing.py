"""What has not changed is not sent again."""

from datetime import datetime

import pytest
from factories import make_paper
from starlette.testclient import TestClient

from digest.workshop import Workshop


def test_a_known_answer_is_not_sent_again(program: TestClient, shop: Workshop, now: datetime) -> None:
    first = program.get("/papers")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    again = program.get("/papers", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert "RateLimit" in again.headers
    with shop.database.session() as session:
        make_paper(session, now)
    changed = program.get("/papers", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize(("asked", "status"), [("*", 304), ('"other"', 200), ("", 200)])
def test_the_header_is_read_as_it_is_meant(program: TestClient, asked: str, status: int) -> None:
    assert program.get("/papers", headers={"If-None-Match": asked}).status_code == status


def test_errors_and_changes_have_no_tag(program: TestClient) -> None:
    assert "ETag" not in program.get("/papers/1").headers
    assert "ETag" not in program.post("/subscribers", json={"address": "ada@example.org"}).headers
