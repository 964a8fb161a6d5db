"""Run checks beside one another, each with a time limit; one that fails or hangs never stops the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic

from app.errors import SynapseError
from pipelines.ops.doctor.check import Check, Finding, State, Subject, red

LIMIT_S = 20.0


def examine(checks: Sequence[Check], subject: Subject, *, limit: float = LIMIT_S) -> list[Finding]:
    """Return every finding in the order of the checks; one not done after `limit` seconds is red."""
    runs = [_Run(check, subject) for check in checks]
    for run in runs:
        run.thread.start()
    deadline = monotonic() + limit
    for run in runs:
        run.thread.join(max(0.0, deadline - monotonic()))
    return [finding for run in runs for finding in run.result(limit)]


def worst(findings: Sequence[Finding]) -> State:
    """Return the state of all together."""
    return next(
        (state for state in (State.RED, State.AMBER) if any(finding.state is state for finding in findings)),
        State.GREEN,
    )


@dataclass
class _Run:
    """One check in its thread; it is a daemon, so that a hung disk cannot keep the command from ending."""

    check: Check
    subject: Subject
    found: list[Finding] = field(default_factory=list)
    thread: Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = Thread(target=self._look, name=self.check.name, daemon=True)

    def result(self, limit: float) -> list[Finding]:
        found = list(self.found)
        if self.thread.is_alive():
            found.append(
                red(
                    self.check.name,
                    f"no result within {limit:g} s",
                    "Something hangs: a disk, a mount or a server. Look at it by hand.",
                )
            )
        return found

    def _look(self) -> None:
        try:
            for finding in self.check.look(self.subject):
                self.found.append(finding)
        except SynapseError as error:
            self.found.append(red(self.check.name, error.what, error.hint))
        except Exception as error:  # noqa: BLE001  # whatever one check meets, the others must be shown
            self.found.append(
                red(
                    self.check.name,
                    f"the check failed: {type(error).__name__}: {error}",
                    "Report this with the line.",
                )
            )
