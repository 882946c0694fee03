"""The methods by name: all that the modules of this folder list in a dictionary METHODS."""

import importlib
import pkgutil
from collections.abc import Sequence

from digest.errors import InvalidRequest
from digest.evaluation import methods
from digest.evaluation.tasks import Method


def find_methods(wanted: Sequence[str] = ()) -> dict[str, Method]:
    """The `wanted` methods in their order, or all of them by name; raises InvalidRequest for one that is unknown."""
    known: dict[str, Method] = {}
    for module in pkgutil.iter_modules(methods.__path__, f"{methods.__name__}."):
        known |= getattr(importlib.import_module(module.name), "METHODS", {})
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(f"There is no method “{unknown}”; there are {', '.join(sorted(known))}.")
    return {name: known[name] for name in wanted or sorted(known)}
