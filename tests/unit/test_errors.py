"""The tree of deliberate exceptions."""

import inspect
import re

import pytest

from digest import errors
from digest.errors import (
    ConfigurationError,
    DigestError,
    InvalidRequest,
    PermanentError,
    Taken,
    TransientError,
    Unreachable,
)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (ConfigurationError, DigestError),
        (InvalidRequest, DigestError),
        (Taken, InvalidRequest),
        (TransientError, DigestError),
        (Unreachable, TransientError),
        (PermanentError, DigestError),
    ],
)
def test_each_error_stands_where_the_tree_shows_it(child: type[Exception], parent: type[Exception]) -> None:
    assert child.__bases__ == (parent,)


def test_the_drawn_tree_names_every_error() -> None:
    drawn = set(re.findall(r"^ {4}[ │├└─]*(\w+)", errors.__doc__ or "", re.MULTILINE))
    assert drawn == {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    }
