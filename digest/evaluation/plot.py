"""A small line plot as SVG: named steps from left to right, a line and a band of uncertainty per series."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from digest.evaluation.bootstrap import Interval

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 224, 40, 44  # margins; the names of the series stand on the right
COLOURS = ("#1b5fa8", "#b4530a", "#3f7d3a", "#7a3b8f", "#8a6d00", "#5a5a5a")  # told apart in print and by all eyes
TICKS = 5
LINE = 16  # pixels between two names


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, a value per step, the number of its colour."""

    name: str
    values: Sequence[Interval]
    colour: int
    dashed: bool = False


def draw(title: str, unit: str, steps: Sequence[str], series: Sequence[Series]) -> str:
    """The plot as a document; the scale begins at nought."""
    top = _round_up(max(value.high for one in series for value in one.values))
    inner = [
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>',
        *_axes(unit, steps, top),
        *(_band(one, top) for one in series),
        *(_line(one, top) for one in series),
        *_names(series, top),
    ]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12">'
    )
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return "\n".join([opening, ground, *inner, "</svg>", ""])


def _round_up(value: float) -> float:
    """The next tenth of a power of ten, so that the ticks have few digits."""
    step = 10.0 ** math.floor(math.log10(value)) / 2 if value > 0 else 1.0
    return max(math.ceil(value / step - 1e-9), 1) * step


def _axes(unit: str, steps: Sequence[str], top: float) -> list[str]:
    drawn = []
    for number in range(TICKS + 1):
        value = top * number / TICKS
        y = _y(value, top)
        drawn.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for place, step in enumerate(steps):
        x = _x(place, len(steps))
        drawn.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{escape(step)}</text>')
    drawn.append(f'<text x="{WIDTH - RIGHT}" y="22" text-anchor="end" fill="#555555">{escape(unit)}</text>')
    return drawn


def _band(one: Series, top: float) -> str:
    count = len(one.values)
    upper = [(_x(place, count), _y(value.high, top)) for place, value in enumerate(one.values)]
    lower = [(_x(place, count), _y(value.low, top)) for place, value in enumerate(one.values)]
    return f'<polygon points="{_points([*upper, *reversed(lower)])}" fill="{_colour(one)}" opacity="0.1"/>'


def _line(one: Series, top: float) -> str:
    points = [(_x(place, len(one.values)), _y(value.mean, top)) for place, value in enumerate(one.values)]
    dashes = ' stroke-dasharray="6 4"' if one.dashed else ""
    return f'<polyline points="{_points(points)}" fill="none" stroke="{_colour(one)}" stroke-width="2"{dashes}/>'


def _names(series: Sequence[Series], top: float) -> list[str]:
    """Each series' name where its line ends, moved down where another stands."""
    drawn, free = [], float(TOP)
    for one in sorted(series, key=lambda one: -one.values[-1].mean):
        y = max(_y(one.values[-1].mean, top), free)
        free = y + LINE
        drawn.append(f'<text x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}" fill="{_colour(one)}">{escape(one.name)}</text>')
    return drawn


def _x(place: int, count: int) -> float:
    inset = 30  # so that a step's name does not leave the plot
    return LEFT + inset + (WIDTH - LEFT - RIGHT - 2 * inset) * place / max(count - 1, 1)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _colour(one: Series) -> str:
    return COLOURS[one.colour % len(COLOURS)]
