"""What the tests of the synthetic month share: a world, and a server that runs for all of a module."""

from collections.abc import Iterator

import pytest
from world import FaultServer, World


@pytest.fixture(scope="module")
def world() -> World:
    return World(1, 200)


@pytest.fixture(scope="module")
def running() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server
