"""Rankers by name. Each module of `rankers` is one: its name is the module's, and its function is `ask`.

A ranker reads what the profiles of a brief say and answers with a query per profile, as `scoring.fold` does: whose
relevances have mean 0 and deviation 1 over the library's sample of the crowd; and with those relevances, sorted.
One that folds signals may also `show` the workings from which it does, for who wants to see every number of a score.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeAlias

from digest.errors import ConfigurationError
from digest.ranking import rankers
from digest.ranking.arithmetic import Workings
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Library
from digest.ranking.profiles import Examples
from digest.ranking.scoring import Floats, Queries

Ranker: TypeAlias = Callable[[Library, Brief, Examples], tuple[Queries, Floats]]
Shower: TypeAlias = Callable[[Library, Brief, Examples], Workings]


def names() -> list[str]:
    """All rankers there are, sorted."""
    return sorted(module.name for module in iter_modules(rankers.__path__))


def find(name: str) -> Ranker:
    """The ranker of this name; raises ConfigurationError when there is none."""
    ranker: Ranker = _load(name).ask
    return ranker


def find_shower(name: str) -> Shower | None:
    """What shows the workings of the ranker of this name; None where it does not say how it comes by its queries."""
    return getattr(_load(name), "show", None)


def _load(name: str) -> ModuleType:
    if name not in names():
        raise ConfigurationError(f"There is no ranker “{name}”: choose from {', '.join(names())}.")
    return import_module(f"{rankers.__name__}.{name}")
