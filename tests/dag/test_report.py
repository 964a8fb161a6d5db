"""The three reports of a job."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from pipelines.dag.errors import JobExit
from pipelines.dag.plan import Step
from pipelines.dag.report import JobReport, summary, write
from pipelines.dag.running import Finding, Result, State

REPORT = JobReport(
    "ci",
    {"commit": "0123"},
    (
        Result(Step("good", ""), State.PASSED, 1.5, finding=Finding("12 passed", {"passed": 12})),
        Result(
            Step("bad", ""),
            State.FAILED,
            2.0,
            "1 of 3 tests failed",
            JobExit.FAILED,
            "E  assert\x1b[0m 1 | 2",
        ),
        Result(Step("late", ""), State.NOT_RUN, reason="bad did not pass"),
        Result(Step("left", ""), State.SKIPPED, reason="asked for with --skip"),
    ),
    3.6,
)


def test_the_summary_says_first_what_failed() -> None:
    """Before the table of the steps; the end of the output is below."""
    lines = summary(REPORT).splitlines()
    assert lines[0] == "# ci did not pass (code 1) in 4 s"
    assert lines[2] == "**bad**: 1 of 3 tests failed"
    assert any("| good | 1.5 | 12 passed |" in line for line in lines)
    assert "E  assert\x1b[0m 1 | 2" in lines


def test_the_files_can_be_read_by_programs(tmp_path: Path) -> None:
    """JSON with figures, and JUnit that counts the failure and both that did not run."""
    write(REPORT, tmp_path / "deep" / "reports")
    told = json.loads((tmp_path / "deep/reports/report.json").read_text())
    assert (told["code"], told["steps"][0]["figures"]) == (1, {"passed": 12})
    suite = ET.parse(tmp_path / "deep/reports/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "2")
    failure = suite.find("testcase[@name='bad']/failure")
    assert failure is not None
    assert failure.get("message") == "1 of 3 tests failed"
    assert (tmp_path / "deep/reports/summary.md").read_text().startswith("# ci did not pass")
