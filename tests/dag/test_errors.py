"""The exit codes of the jobs are those of `synapse`: neither room may import the other's table."""

import re
from pathlib import Path

from pipelines.dag.arguments import parser
from pipelines.dag.errors import JobExit, first_line
from pipelines.ops.cli.main import EXIT_CODES
from pipelines.ops.errors import ExitCode

README = Path(__file__).parent.parent.parent / "README.md"


def test_a_job_ends_with_the_codes_of_the_command() -> None:
    """The same names for the same numbers, and none more in either."""
    assert {code.name: code.value for code in JobExit} == {code.name: code.value for code in ExitCode}


def test_both_helps_and_the_readme_tell_of_every_code() -> None:
    """In the same words, where a person looks them up."""
    told = " ".join(EXIT_CODES.split())
    assert parser("ci", "").epilog == told
    codes = {int(code) for code in re.findall(r"(\d+) ", told)}
    assert codes == set(ExitCode)
    text = README.read_text(encoding="utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert table | {int(code) for code in re.findall(r"then with (\d+)\.", text)} == set(ExitCode)


def test_an_error_of_the_engine() -> None:
    """Is told without the marks of its trace."""
    mark = "[traceparent:5994cdad175061f24eaa4200d5216180-99cc92ed455c189d]"
    assert first_line(ValueError(f"bound service exited: exit code: 137 {mark} {mark}\nmore")) == (
        "bound service exited: exit code: 137"
    )
