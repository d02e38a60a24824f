"""CPU time of whole process trees, percentiles, medians, and the tables. Linux only: it reads /proc."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
Row = dict[str, Any]


def cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds that each named process and everything below it has used, ended children included."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # Field 2 is the program's name in brackets and may hold anything: count from its end (proc(5)).
        fields = text.rpartition(")")[2].split()
        pid = int(folder.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = sum(int(value) for value in fields[11:15])
    return {name: _below(pid, children, used) / _TICKS_A_SECOND for name, pid in roots.items()}


def _below(pid: int, children: Mapping[int, list[int]], used: Mapping[int, int]) -> int:
    return used.get(pid, 0) + sum(_below(child, children, used) for child in children.get(pid, []))


@dataclass(slots=True)
class Spent:
    """CPU seconds between two looks at the same processes."""

    roots: Mapping[str, int]
    before: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = cpu_seconds(self.roots)

    def micros(self, operations: int) -> dict[str, float]:
        """Microseconds an operation so far, by process, and `total`."""
        now = cpu_seconds(self.roots)
        each = {name: (now[name] - self.before[name]) * 1e6 / max(1, operations) for name in self.roots}
        return {**each, "total": sum(each.values())}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the sorted values lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def medians(rows: Sequence[Row]) -> Row:
    """One row out of several rounds: the median of every measured number, the first of everything else."""
    return {
        name: statistics.median(row[name] for row in rows) if isinstance(value, float) else value
        for name, value in rows[0].items()
    }


def median_ratio(ours: Sequence[Row], theirs: Sequence[Row], name: str) -> float:
    """The median over the rounds of ours/theirs: what the machine did to one round, it did to both."""
    return statistics.median(a[name] / b[name] if b[name] else 0.0 for a, b in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Goal:
    """A target of the design and where we stand; without a target it is there for comparison."""

    text: str
    value: float
    target: float | None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def as_row(self) -> Row:
        wanted = "" if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:g}"
        met = {True: "yes", False: "no", None: ""}[self.met]
        return {"target": self.text, "is": round(float(self.value), 3), "wanted": wanted, "met": met}


@dataclass(slots=True)
class Result:
    """A benchmark's outcome: medians by variant, the goals, and what else must be said."""

    name: str
    title: str
    rows: list[Row]
    goals: list[Goal]
    notes: list[str]
    rounds: list[Row]

    def show(self) -> str:
        parts = [f"\n{self.title}", "", table(self.rows)]
        if self.goals:
            parts += ["", table([goal.as_row() for goal in self.goals])]
        return "\n".join([*parts, *(f"· {note}" for note in self.notes)])

    def as_json(self) -> Row:
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        return {
            "name": self.name, "title": self.title, "rows": self.rows, "goals": goals, "notes": self.notes,
            "rounds": self.rounds,
        }  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Columns as wide as their widest value, numbers to the right."""
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    numeric = [isinstance(rows[0][name], int | float) for name in names]
    lines = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
