"""Static files have names that hold their content, and are kept for ever."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from digest.web.statics import FOR_EVER, Statics


def test_a_file_is_served_under_the_hash_of_its_content() -> None:
    statics = Statics()
    client = TestClient(Starlette(routes=[statics.route()]))
    for name, kind in (("style.css", "text/css"), ("site.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        answer = client.get(statics.address(name))
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == kind
        assert answer.headers["cache-control"] == FOR_EVER


def test_there_is_nothing_else_to_be_had() -> None:
    client = TestClient(Starlette(routes=[Statics().route()]))
    for path in ("style.css", "..%2Fhome.html.j2", "%2e%2e/layout.html.j2", "", "style.000000000000.css", "%00"):
        assert client.get(f"/static/{path}").status_code == 404
    assert client.post("/static/style.css").status_code == 405


def test_the_style_sheet_asks_nobody_for_anything() -> None:
    statics = Statics()
    sheet = TestClient(Starlette(routes=[statics.route()])).get(statics.address("style.css")).text
    for word in ("http:", "https:", "@import", "url(//"):
        assert word not in sheet
