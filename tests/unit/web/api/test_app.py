"""The interface describes itself, to everybody, and says of every operation what it may answer."""

from starlette.testclient import TestClient

OPEN = "/openapi.json"


def operations(description: dict[str, dict[str, dict[str, dict[str, object]]]]) -> list[dict[str, object]]:
    return [operation for methods in description["paths"].values() for operation in methods.values()]


def test_the_description_needs_no_key_and_names_every_answer(stranger: TestClient) -> None:
    answer = stranger.get(OPEN)
    assert answer.status_code == 200
    for operation in operations(answer.json()):
        assert operation["summary"]
        assert operation["security"]
        assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
        for status, told in operation["responses"].items():
            if status >= "400" and status != "413":
                assert list(told["content"]) == ["application/problem+json"]


def test_the_security_scheme_is_a_bearer_key_with_scopes(stranger: TestClient) -> None:
    description = stranger.get(OPEN).json()
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    asked = description["paths"]["/subscribers/{subscriber_id}/edition"]["post"]["security"]
    assert asked == [{"key": ["send"]}]


def test_there_are_no_pages_of_documentation_that_load_from_elsewhere(stranger: TestClient) -> None:
    assert [stranger.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
