"""What the tests of a suite came to, read from their JUnit file; what was not checked is looked at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from pipelines.dag.errors import StepError

_UNCHECKED = "NOT CHECKED"
MAY_LACK = (
    "NOT CHECKED on a real engine: ",
    "NOT CHECKED: there is no docker program here",
    "NOT CHECKED: this user may mount no small disk: ",
    "NOT CHECKED: a silent name server, as none may be laid: ",
)
"""What a container of an engine cannot have: a Dagger engine, Docker, and the right to mount.

These tests run by `.ci/run`. Whatever else is not checked fails its suite: the machine of the tests lacks it.
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tests passed, failed and were skipped, and how many of these for which reason."""

    passed: int
    bad: int
    skipped: int
    reasons: Mapping[str, int]

    @property
    def lacking(self) -> tuple[str, ...]:
        """The reasons that no test of a pipeline may have."""
        return tuple(why for why in self.reasons if _UNCHECKED in why and not why.startswith(MAY_LACK))

    def figures(self) -> dict[str, object]:
        """Return the numbers for the report."""
        return {
            "passed": self.passed,
            "failed": self.bad,
            "skipped": self.skipped,
            "skipped_because": dict(self.reasons),
        }


def counted(path: Path) -> Tally:
    """Return what a JUnit file says. Raises StepError."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314  # pytest's own file
        tests, failures, errors, skipped = (
            sum(int(found.get(key, 0)) for found in root.iter("testsuite"))
            for key in ("tests", "failures", "errors", "skipped")
        )
    except (OSError, ET.ParseError, ValueError) as error:
        raise StepError(f"{path.name} is no JUnit file: {error}") from error
    reasons = Counter(found.get("message", "no reason given") for found in root.iter("skipped"))
    return Tally(tests - failures - errors - skipped, failures + errors, skipped, reasons)
