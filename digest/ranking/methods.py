"""How editions are made here, as the operator decided: values that the stages get from the faces."""

from dataclasses import dataclass
from datetime import timedelta

STANDARD = "standard"
OUTSIDE = "outside"  # stands for a ranker where a paper from outside every profile is picked for its trend


@dataclass(frozen=True, slots=True)
class Method:
    """`window` is how long a paper stays a candidate after it came, `ranker` names who ranks (see `registry`).

    An example counts half as much as one that is `half_life` younger, or as much as any other when that is zero.
    For a `compare_share` (0..1) of the readers, editions are team drafts of `ranker` and `challenger`, if there is one.
    """

    window: timedelta = timedelta(days=3)
    ranker: str = STANDARD
    half_life: timedelta = timedelta(days=1095)
    challenger: str = ""
    compare_share: float = 0.0


USUAL = Method()
