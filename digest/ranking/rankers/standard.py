"""The ranker of this house: the signals of both views, calibrated and folded."""

from digest.ranking.arithmetic import Workings
from digest.ranking.briefs import Brief
from digest.ranking.candidates import Library
from digest.ranking.profiles import Examples, gather, own_examples
from digest.ranking.scoring import Floats, Queries


def ask(library: Library, brief: Brief, examples: Examples) -> tuple[Queries, Floats]:
    return show(library, brief, examples).fold()


def show(library: Library, brief: Brief, examples: Examples) -> Workings:
    """All that the profiles say, by all signals."""
    evidence = gather(library, brief, examples)
    contrast = library.model.whitening.contrast(evidence.vectors)
    own = own_examples(library, brief, examples)
    return Workings(evidence, contrast, library.sample, own, library.model.fusion)
