"""Makes docs/reliability.md of what is promised about failures, in `benchmarks/promises.py`, and of the records.

A test looks that every test named there exists and that the page is the one this module makes.

Usage: python -m benchmarks.reliability
"""

from typing import Any

from benchmarks.promises import ROOT, TABLE, recorded

PAGE = ROOT / "docs" / "reliability.md"
RECIPES = """
## Recipe by recipe

The tiny instances of each recipe, in single precision: samples (or codes), scores, and losses with their gradients.
"Again" is a second time in one process, and in another that meets the recipes in another order, with global randomness
untouched. The other columns are the largest difference of any number, in units of that number above 1: by two threads
in place of one, and of six rows in batches of one, two and three. Instances are small, so that products are seldom
split among threads, where large networks differ by rounding. What is fitted in passes over data is fitted each time.

| recipe | instances | again | two threads | other batches |
|---|---|---|---|---|
"""
HEAD = """# Reliability

What holds when something fails: statement, tests, figure. `make faults` kills, spoils and fills, writes the records in
`benchmarks/records`, and makes this page of them. What a statement does not cover yet stands in its last column.
"""


def by_recipe() -> str:
    """The table of what is exact and what is within rounding, the instances of a recipe in one row."""
    groups: dict[str, list[Any]] = {}
    for name, row in recorded("determinism")["instances"].items():
        groups.setdefault(name.partition("/")[0], []).append(row)
    lines = [f"| {name} | {len(rows)} | {_again(rows)} | {_off(rows, 'threads')} | {_off(rows, 'batches')} |\n"
             for name, rows in groups.items()]  # fmt: skip
    return RECIPES + "".join(lines)


def _again(rows: list[Any]) -> str:
    return "exact" if all(row["again"] and row["elsewhere"] and row["untouched"] for row in rows) else "**differs**"


def _off(rows: list[Any], what: str) -> str:
    """The largest differences of samples, scores and losses; "exact", where there is none."""
    most: dict[str, float] = {}
    for row in rows:
        for kind, value in row[what].items():
            most[kind] = max(most.get(kind, 0.0), value)
    off = ", ".join(f"{kind} {value:.0e}" for kind, value in most.items() if value)
    return off or "exact"


def page() -> str:
    """The page, from the table and the records."""
    parts = [HEAD]
    for title, promises in TABLE.items():
        parts.append(f"\n## {title}\n\n| statement | tests | figure | not yet |\n|---|---|---|---|\n")
        for promise in promises:
            tests = "<br>".join(f"`{test}`" for test in promise.tests)
            figure = promise.figure if isinstance(promise.figure, str) else promise.figure()
            parts.append(f"| {promise.statement} | {tests} | {figure} | {promise.still} |\n")
    return "".join(parts) + by_recipe()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
