"""How many workers, and how large a PostgreSQL and Redis, for so many subscribers: arithmetic on measured costs.

    python tests/benchmarks/plan_scale.py            print the tables
    python tests/benchmarks/plan_scale.py --write    put them into docs/scaling.md, between its two marks

Reads measured.json, which `make bench` writes. Nothing is assumed but what `ASSUMED` says.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "scaling.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
ASSUMED = {
    "share of subscribers due in the busiest hour": 0.25,
    "hours within which that hour's editions are out": 1.0,
    "papers a day": 1_500,
    "days that editions and mails are kept": 90,
    "bytes of a wake-up in Redis": 1_000,
}
BATCH = {"rank": 500, "compose": 100, "deliver": 100}
GIGA = 1e9


def plan(subscribers: int, measured: dict[str, Any]) -> dict[str, float]:
    """What one installation of that size needs."""
    busy = subscribers * ASSUMED["share of subscribers due in the busiest hour"]
    seconds = 3_600 * ASSUMED["hours within which that hour's editions are out"]
    cost, weight = measured["seconds_per_item"], measured["bytes_per_item"]
    per_mail = 1 / measured["mail"]["mails_per_second_1"]
    days = ASSUMED["days that editions and mails are kept"]
    return {
        "editions in the busiest hour": busy,
        "rank processes": math.ceil(busy * cost["rank"] / seconds),
        "mail processes": math.ceil(busy * (cost["compose"] + per_mail) / seconds),
        "embed processes": math.ceil(ASSUMED["papers a day"] * measured["encoder"]["seconds_per_paper"] / seconds),
        "transactions a second": busy * (2 + sum(1 / size for size in BATCH.values())) / seconds,
        "GB of people": subscribers * weight["subscriber"] / GIGA,
        "GB of editions and mails": subscribers * days * (weight["edition"] + weight["message"]) / GIGA,
        "MB in Redis": sum(busy / size for size in BATCH.values()) * ASSUMED["bytes of a wake-up in Redis"] / 1e6,
        "mails a second": busy / seconds,
    }


def as_table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def said(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def make_tables(measured: dict[str, Any]) -> str:
    costs = {f"{stage}, ms an item": 1000 * cost for stage, cost in measured["seconds_per_item"].items()}
    costs |= {f"{thing}, bytes in PostgreSQL": size for thing, size in measured["bytes_per_item"].items()}
    del costs["embed_papers, ms an item"]  # by the stand-in for tests
    costs["embed_papers by all-MiniLM-L6-v2, sentences included, ms an item"] = (
        1000 * measured["encoder"]["seconds_per_paper"]
    )
    costs["mails a second, one process, server of 20 ms"] = measured["mail"]["mails_per_second_1"]
    costs["the same, two processes"] = measured["mail"]["mails_per_second_2"]
    costs["a tick over 1,000,000 subscribers, 1,000 due, ms"] = measured["tick"]["milliseconds"]
    plans = {size: plan(size, measured) for size in SIZES}
    needs = [[name, *(said(plans[size][name]) for size in SIZES)] for name in plans[SIZES[0]]]
    return "\n".join(
        (
            as_table(["measured", "value"], [[name, said(value)] for name, value in costs.items()]),
            as_table(["assumed", "value"], [[name, said(value)] for name, value in ASSUMED.items()]),
            as_table(["needed for subscribers", *(f"{size:,}" for size in SIZES)], needs),
        )
    )


def main() -> None:
    tables = make_tables(json.loads((HERE / "measured.json").read_text(encoding="utf-8")))
    if "--write" not in sys.argv:
        print(tables)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{tables}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
