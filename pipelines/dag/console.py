"""What a job says while it runs: words on stderr, data on stdout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from pipelines.dag.errors import JobError
from pipelines.dag.report import JobReport
from pipelines.dag.running import Result, State

_LAST_LINES = 15


class Console:
    """A line for each step as it ends; the first screen after the end says what went wrong."""

    def __init__(self, words: TextIO, data: TextIO, clock: Callable[[], float]) -> None:
        self._words = words
        self._data = data
        self._clock = clock
        self._began = clock()

    def step(self, result: Result) -> None:
        """Say how a step ended."""
        told = result.finding.words or result.reason
        minutes, seconds = divmod(int(self._clock() - self._began), 60)
        self._say(f"[{minutes:02}:{seconds:02}] {result.step.name}: {result.state.value} {_in(result)}{told}")

    def ended(self, report: JobReport, folder: Path, *, as_json: bool) -> None:
        """Say how the job ended, and the end of the output of each step that failed."""
        for result in report.results:
            if result.output and not as_json:
                self._say(f"\n--- {result.step.name}, the end of its output:")
                self._say("\n".join(result.output.splitlines()[-_LAST_LINES:]))
        bad = [result for result in report.results if result.code]
        for result in bad:
            self._say(f"{result.step.name}: {result.reason.splitlines()[0] if result.reason else ''}")
        verdict = "passed" if not bad else "did not pass"
        self._say(f"{report.job} {verdict} in {report.seconds:.0f} s; the reports are in {folder}.")

    def result(self, text: str) -> None:
        """Print data."""
        self._data.write(text + "\n")
        self._data.flush()

    def wrong(self, error: JobError, *, as_json: bool) -> None:
        """Say why the job did not run, and with `as_json` also as data."""
        self._say(f"Error: {error.what}\nRemedy: {error.hint}")
        if as_json:
            self.result(json.dumps({"error": {"what": error.what, "hint": error.hint}}))

    def _say(self, text: str) -> None:
        self._words.write(text + "\n")
        self._words.flush()


def _in(result: Result) -> str:
    ran = result.state not in (State.SKIPPED, State.NOT_RUN, State.INTERRUPTED)
    return f"in {result.seconds:.1f} s. " if ran else ": "
