"""A small chart of results as SVG: for each formula a bar of its Spearman and one of its nDCG, from a common floor."""

from collections.abc import Sequence
from html import escape

from digest.evaluation.trends import Score

WIDTH, ROW, LABEL, TOP, NUMBERS = 760, 34, 270, 46, 60
FLOOR, CEILING = 0.4, 0.9
BARS = (("Spearman", "#1f5fa8"), ("nDCG@10", "#c2611b"))
TEXT = 'font-family="sans-serif" font-size="13" fill="currentColor"'


def draw(scores: Sequence[Score]) -> str:
    """An SVG document; what it shows is told in its title."""
    height = TOP + ROW * len(scores) + 10
    words = "; ".join(f"{one.name}: {one.means[0]:.3f} and {one.means[1]:.3f}" for one in scores)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="words">',
        f'<title id="words">Spearman and nDCG@10 of each formula. {escape(words)}.</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/><g color="#222222">',
    ]
    for place, (name, colour) in enumerate(BARS):
        left = LABEL + place * 110
        parts.append(f'<rect x="{left}" y="14" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 18}" y="25" {TEXT}>{name}</text>')
    for row, one in enumerate(scores):
        parts += _draw_row(TOP + row * ROW, one)
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def _draw_row(top: int, one: Score) -> list[str]:
    parts = [f'<text x="{LABEL - 10}" y="{top + 18}" text-anchor="end" {TEXT}>{escape(one.name)}</text>']
    for place, ((_, colour), mean) in enumerate(zip(BARS, one.means, strict=False)):
        share = min(max((mean - FLOOR) / (CEILING - FLOOR), 0.0), 1.0)
        width = round(share * (WIDTH - LABEL - NUMBERS), 1)
        y = top + 2 + place * 13
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{width}" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{LABEL + width + 6}" y="{y + 10}" {TEXT.replace("13", "11")}>{mean:.3f}</text>')
    return parts
