"""What is typed wrong is said before anything begins, with the remedy."""

import json
import subprocess
import sys

import pytest

from pipelines.dag.errors import INSTALL
from tests.dag.recording.project import Project
from tests.dag.recording.recorder import recording
from tests.dag.recording.scripts import going_well
from tests.dag.test_jobs import PROJECT, job


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("--fast",), "Unrecognized arguments: --fast."),
        (("--rep", "elsewhere"), "Unrecognized arguments: --rep elsewhere."),
        (("--only",), "Argument --only: expected one argument."),
        (("--only", ","), "Argument --only: names no step."),
        (("--skip", ""), "Argument --skip: names no step."),
        (("--reports", "pipelines/ci.py"), "Argument --reports: pipelines/ci.py is no folder."),
    ],
)
def test_a_wrong_option_is_told_like_every_other_error(typed: tuple[str, ...], told: str) -> None:
    """Code 2, one sentence and the remedy, also as data; nothing is guessed from half a word or from none."""
    ended = job("ci", "--json", *typed)
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["what"] == told
    assert ended.stderr.splitlines() == [
        f"Error: {told}",
        "Remedy: `python pipelines/ci.py --help` shows what it takes.",
    ]


@pytest.mark.parametrize("within", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_that_nothing_could_exceed_or_keep_is_refused(within: str) -> None:
    """A restore must be able to take longer, and not to."""
    told = job("drill", "--within", within)
    assert told.returncode == 2
    assert "Argument --within" in told.stderr


def test_a_job_runs_in_the_projects_folder_alone(project: Project) -> None:
    """Elsewhere the engine would be given all that is there; it is asked for nothing but its version."""
    (project.folder / "docker-compose.yml").unlink()
    with recording(going_well()) as recorder:
        ended = project.run(recorder, "backup")
    assert ended.code == 2
    assert f"{project.folder} is not the project's folder" in ended.stderr
    assert not [call for call in recorder.calls().values() if call.field == "host"]
    assert project.asked() == []


def test_a_python_without_the_sdk_says_how_to_get_it() -> None:
    """Code 2, once it is to be used; boto3 is there."""
    blocked = "import runpy, sys; sys.modules['dagger'] = None; sys.argv = ['ci.py'];"
    run = f"{blocked} runpy.run_path('pipelines/ci.py', run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", run], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == f"Error: This Python lacks dagger.\nRemedy: Type: {INSTALL}\n"
