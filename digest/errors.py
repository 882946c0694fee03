"""Every deliberate exception of the project.

    DigestError
    ├── ConfigurationError   the operator must change something
    ├── InvalidRequest       a person typed something that cannot be taken
    │   └── Taken            because it is there already
    ├── TransientError       it may work later: try again
    │   └── Unreachable      the other side could not be reached at all
    └── PermanentError       it will never work: do not try again

A message is one line: what is wrong and how to mend it. Adapters translate library errors into these at the edge.
"""

from collections import Counter


class DigestError(Exception):
    """Base of every exception that the project raises on purpose."""


class ConfigurationError(DigestError):
    """The operator must change a setting, install something or make room."""


class InvalidRequest(DigestError):
    """A person at a form or a shell typed something that cannot be taken."""


class Taken(InvalidRequest):
    """What is asked for is there already, under the number `existing`."""

    def __init__(self, message: str, existing: int) -> None:
        super().__init__(message)
        self.existing = existing


class TransientError(DigestError):
    """It failed now and may work later."""


class Unreachable(TransientError):
    """The other side could not be reached, so the next item would fail as well. `done` counts what was done before."""

    def __init__(self, message: str, done: Counter[str] | None = None) -> None:
        super().__init__(message)
        self.done = done or Counter()


class PermanentError(DigestError):
    """It failed and will fail again; trying again is useless."""
