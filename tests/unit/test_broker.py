"""Whether Redis answers."""

import pytest
from real_servers import find_redis
from servers import find_free_port

from digest import broker
from digest.errors import Unreachable


def test_a_broker_that_answers_is_reachable() -> None:
    with find_redis() as server:
        broker.check_reachable(server.url)


@pytest.mark.parametrize("url", ["redis://:secret-word@127.0.0.1:{port}/0", "nonsense://secret-word"])
def test_one_that_does_not_is_said_without_its_password(url: str) -> None:
    with pytest.raises(Unreachable, match="DIGEST_BROKER_URL does not answer") as caught:
        broker.check_reachable(url.format(port=find_free_port()))
    assert "secret-word" not in str(caught.value)
