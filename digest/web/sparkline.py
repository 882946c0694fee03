"""A small curve of how votes grew, as the path of an SVG, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT, MARGIN = 320, 64, 4
MOST_POINTS = 60
Point = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`path` lies within `width` and `height`, the last point of it at `end`; `words` tell what it shows."""

    path: str
    end: tuple[float, float]
    words: str
    width: int = WIDTH
    height: int = HEIGHT


def draw(points: Sequence[Point]) -> Sparkline | None:
    """The curve through points in the order of time, from nought at the bottom; None for fewer than two."""
    if len(points) < 2:  # noqa: PLR2004 - one point makes no curve
        return None
    points = _thin(points)
    first, last = points[0][0], points[-1][0]
    span = (last - first).total_seconds() or 1.0
    most = max(value for _, value in points) or 1
    places = [
        (
            round(MARGIN + (moment - first).total_seconds() / span * (WIDTH - 2 * MARGIN), 1),
            round(HEIGHT - MARGIN - max(value, 0) / most * (HEIGHT - 2 * MARGIN), 1),
        )
        for moment, value in points
    ]
    path = "M" + " L".join(f"{x:g} {y:g}" for x, y in places)
    return Sparkline(path, places[-1], _tell(points[0], points[-1]))


def _thin(points: Sequence[Point]) -> list[Point]:
    """Of many points some, evenly, and the last."""
    return [*points[: -1 : -(-len(points) // MOST_POINTS)], points[-1]]


def _tell(start: Point, end: Point) -> str:
    moved = "rose" if end[1] > start[1] else "fell" if end[1] < start[1] else "stayed"
    counts = f"from {start[1]:,} to {end[1]:,}" if moved != "stayed" else f"at {start[1]:,}"
    if start[0].date() == end[0].date():
        return f"Votes {moved} {counts} between {start[0]:%H:%M} and {end[0]:%H:%M} UTC on {_day(end[0])}."
    return f"Votes {moved} {counts} between {_day(start[0])} and {_day(end[0])}."


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
