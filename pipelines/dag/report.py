"""What a job leaves behind: report.json for programs, summary.md for people, and junit.xml for both."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from pipelines.dag.running import Result, State, exit_code

_MARKS = {State.PASSED: "✅", State.SKIPPED: "⏭️", State.NOT_RUN: "⏸️"}
_BAD = "❌"


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job that has ended: `facts` are its commit, epoch and versions; `seconds` is wall time."""

    job: str
    facts: Mapping[str, object]
    results: Sequence[Result]
    seconds: float

    @property
    def code(self) -> int:
        """The exit code of the job."""
        return exit_code(list(self.results))


def begin(job: str, facts: Mapping[str, object], folder: Path) -> None:
    """Remove what an earlier run has left in a folder, and say there that this one runs. Raises OSError.

    Nothing else in it is touched; one that is killed leaves what is written here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder)
    running: dict[str, object] = {
        "job": job,
        "state": "running",
        "code": None,
        "facts": dict(facts),
        "steps": [],
    }
    (folder / "report.json").write_text(json.dumps(running, indent=2) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(f"# {job} is running, or was killed\n", encoding="utf-8")


def clear(folder: Path) -> None:
    """Remove the files of a job and of its suites, and the logs of its services. Raises OSError."""
    for name in ("report.json", "summary.md", "junit.xml"):
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob("junit-*.xml"):
        path.unlink()
    logs = folder / "logs"
    if logs.is_symlink():
        logs.unlink()
    elif logs.is_dir():
        shutil.rmtree(logs)


def as_data(report: JobReport) -> dict[str, object]:
    """Return the report as JSON data."""
    return {
        "job": report.job,
        "state": "ended",
        "code": report.code,
        "seconds": round(report.seconds, 2),
        "facts": dict(report.facts),
        "steps": [
            {
                "name": result.step.name,
                "state": result.state.value,
                "seconds": round(result.seconds, 2),
                "reason": result.reason,
                "found": result.finding.words,
                "figures": dict(result.finding.figures),
            }
            for result in report.results
        ],
    }


def summary(report: JobReport) -> str:
    """Return the report as Markdown; what failed comes first, with the end of its output."""
    verdict = "passed" if report.code == 0 else f"did not pass (code {report.code})"
    lines = [f"# {report.job} {verdict} in {report.seconds:.0f} s", ""]
    for result in report.results:
        if result.code:
            lines += [f"**{result.step.name}**: {result.reason}", ""]
    lines += ["| | step | seconds | |", "|---|---|---:|---|"]
    for result in report.results:
        words = (result.finding.words or result.reason).replace("|", "\\|").replace("\n", " ")
        mark = _MARKS.get(result.state, _BAD)
        lines.append(f"| {mark} | {result.step.name} | {result.seconds:.1f} | {words} |")
    if report.facts:
        lines += ["", *(f"- {name}: `{value}`" for name, value in report.facts.items())]
    for result in report.results:
        if result.output:
            lines += ["", f"## The end of {result.step.name}'s output", "", "```", result.output, "```"]
    return "\n".join([*lines, ""])


def junit(report: JobReport) -> str:
    """Return the report as JUnit XML: a case for each step."""
    bad = [result for result in report.results if result.code]
    idle = [result for result in report.results if result.state in (State.SKIPPED, State.NOT_RUN)]
    suite = ET.Element(
        "testsuite",
        name=f"pipeline {report.job}",
        tests=str(len(report.results)),
        failures=str(len(bad)),
        skipped=str(len(idle)),
        time=f"{report.seconds:.2f}",
    )
    for result in report.results:
        case = ET.SubElement(
            suite, "testcase", classname=report.job, name=result.step.name, time=f"{result.seconds:.2f}"
        )
        if result.code:
            ET.SubElement(case, "failure", message=_printable(result.reason)).text = _printable(result.output)
        elif result.state in (State.SKIPPED, State.NOT_RUN):
            ET.SubElement(case, "skipped", message=_printable(result.reason))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def write(report: JobReport, folder: Path) -> None:
    """Lay the three files into a folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(as_data(report), indent=2) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(summary(report), encoding="utf-8")
    (folder / "junit.xml").write_text(junit(report), encoding="utf-8")


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(letter for letter in text if letter in "\n\t" or ord(letter) >= ord(" "))
