"""The table of the side-by-side benchmark: medians, ratios to restic, and the goals beside them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

OURS, REFERENCE = "synapse", "restic"
NAMES = (OURS, REFERENCE, "borg", "tar | zstd")


@dataclass(frozen=True, slots=True)
class Goal:
    """At most so much: of what restic took in the same run, or of the row's own unit."""

    most: float
    of_reference: bool = True

    def __str__(self) -> str:
        return f"≤ {self.most:.2f} of restic" if self.of_reference else f"≤ {self.most:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """What is compared, in a unit that is shown; who has no such figure is left out of `figures`."""

    what: str
    unit: str
    goal: Goal | None = None
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, name: str) -> float | None:
        """Return the median of one program's figures."""
        return median(self.figures[name]) if self.figures.get(name) else None

    def ratio(self) -> float | None:
        """Return our median by that of restic; None where there are not both, or restic's is nothing."""
        ours, theirs = self.median(OURS), self.median(REFERENCE)
        return ours / theirs if ours is not None and theirs else None

    def met(self) -> bool | None:
        """Say whether the goal is met; None where there is none, or nothing to compare."""
        reached = self.ratio() if self.goal and self.goal.of_reference else self.median(OURS)
        return None if self.goal is None or reached is None else reached <= self.goal.most


def beyond(row: Row, opening: Row, what: str, goal: Goal) -> Row:
    """Return what our runs took beyond opening the repository, run by run."""
    pairs = zip(row.figures[OURS], opening.figures[OURS], strict=True)
    return Row(what, row.unit, goal, {OURS: [taken - opened for taken, opened in pairs]})


def table(title: str, rows: Iterable[Row]) -> Table:
    """Return the rows with a column for each program."""
    shown = Table(title=title, box=None, title_justify="left")
    for name in ("what", *NAMES, "of restic", "goal", ""):
        shown.add_column(name, justify="left" if name in {"what", ""} else "right")
    for row in rows:
        ratio = row.ratio()
        shown.add_row(
            f"{row.what}, {row.unit}",
            *(_number(row.median(name)) for name in NAMES),
            _number(ratio),
            str(row.goal) if row.goal else "",
            _verdict(row.met()),
        )
    return shown


def unmet(rows: Sequence[Row]) -> list[str]:
    """Return what did not reach its goal."""
    return [row.what for row in rows if row.met() is False]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _verdict(met: bool | None) -> str:
    return "" if met is None else "met" if met else "NOT MET"
