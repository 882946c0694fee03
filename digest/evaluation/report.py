"""What is told of a comparison: tables for a person, and the same as plain data."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from digest.evaluation import bootstrap
from digest.evaluation.bootstrap import Interval
from digest.evaluation.comparison import Outcome

LEADING = "nDCG@20"  # the metric that methods are compared by
OURS = "digest"
NOTE = "CPU s: seconds of processor time to score 1,000 users, once the method is prepared."


def write(outcomes: Sequence[Outcome]) -> str:
    """Tables for a person, as wide as they need: the methods, and by how much the product leads."""
    parts = [
        align(("method", *outcomes[0].values, "95 % of nDCG@20", "CPU s"), [_row(each) for each in outcomes]),
        NOTE,
    ]
    leads = [(name, number(lead.mean, "+"), between(lead, "+")) for name, lead in differences(outcomes).items()]
    if leads:
        parts += ["", align((f"{OURS} minus", LEADING, "95 %"), leads)]
    return "\n".join(parts)


def align(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines with the first column on the left and the others on the right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in (columns, *rows)
    ]
    return "\n".join(lines)


def _row(outcome: Outcome) -> tuple[str, ...]:
    means = [number(float(values.mean())) for values in outcome.values.values()]
    return (
        outcome.method,
        *means,
        between(bootstrap.interval(outcome.values[LEADING])),
        f"{outcome.per_thousand:.1f}",
    )


def differences(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    """By rival, how far the product leads in LEADING, user by user; nothing where it has not run."""
    ours = next((outcome for outcome in outcomes if outcome.method == OURS), None)
    if ours is None:
        return {}
    rivals = [outcome for outcome in outcomes if outcome is not ours]
    return {rival.method: bootstrap.paired(ours.values[LEADING], rival.values[LEADING]) for rival in rivals}


def as_data(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The comparison for a machine: means, intervals, seconds, and the leads."""
    return {
        "methods": [
            {
                "method": outcome.method,
                "users": outcome.users,
                **{name: plain(bootstrap.interval(values)) for name, values in outcome.values.items()},
                "cpu_seconds_preparing": outcome.preparing,
                "cpu_seconds_per_1000_users": outcome.per_thousand,
            }
            for outcome in outcomes
        ],
        f"{LEADING} of {OURS} minus": {name: plain(lead) for name, lead in differences(outcomes).items()},
    }


def plain(value: Interval) -> dict[str, float]:
    return asdict(value)


def number(value: float, sign: str = "") -> str:
    return f"{value:{sign or '-'}.3f}"


def between(found: Interval, sign: str = "") -> str:
    return f"[{number(found.low, sign)}, {number(found.high, sign)}]"
