"""The workflows only call pipelines, with least rights and pinned parts; each rule is seen to be red."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.rules import jobs, problems

PROJECT = Path(__file__).parents[2]
CI = "dagger run .venv/bin/python pipelines/ci.py"
SUMMARY = """\
      - name: Summary
        if: always()
        run: cat test-reports/summary.md >> "$GITHUB_STEP_SUMMARY"
"""
FAULTS = [
    ("ci.yml", "permissions: {}", "permissions: write-all"),
    ("ci.yml", "contents: read #", "contents: write #"),
    ("release.yml", "packages: write #", "id-token: write #"),
    ("ci.yml", "pull_request:", "pull_request_target:"),
    ("ci.yml", "persist-credentials: false", "persist-credentials: true"),
    ("ci.yml", "fetch-depth: 0", "fetch-depth: 1"),
    ("ci.yml", "timeout-minutes: 60", "timeout-minutes: 600"),
    ("ci.yml", "    timeout-minutes: 60\n", ""),
    ("ci.yml", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
    ("ci.yml", " # v7.0.1", ""),
    ("ci.yml", "uses: actions/checkout", "uses: someone/checkout"),
    ("ci.yml", "cancel-in-progress: true", "cancel-in-progress: false"),
    ("backup.yml", "cancel-in-progress: false", "cancel-in-progress: true"),
    ("release.yml", "cancel-in-progress: false", "cancel-in-progress: true"),
    ("ci.yml", "  group: ci-${{ github.ref }}\n", ""),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py || true"),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py --only ${{ github.head_ref }}"),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py --fast"),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py --only nothing"),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py --reports"),
    ("drill.yml", "pipelines/drill.py", "pipelines/drill.py --within soon"),
    ("backup.yml", "points check --max-age 26h", "points check 26h --max-age 26h"),
    ("backup.yml", "points check --max-age 26h", "points check --younger-than 26h"),
    ("ci.yml", "pipelines/ci.py", "pipelines/release.py"),
    ("ci.yml", "dagger run .venv/bin/python pipelines/ci.py", "make test"),
    ("ci.yml", "run: dagger run", "run: |\n          for i in 1 2; do true; done\n          dagger run"),
    ("ci.yml", "run: dagger run", "if: github.event_name == 'push'\n        run: dagger run"),
    ("ci.yml", "    runs-on:", "    if: github.actor == 'me'\n    runs-on:"),
    ("ci.yml", "    runs-on:", "    continue-on-error: true\n    runs-on:"),
    ("ci.yml", "if: always()\n        run: cat", "run: cat"),
    ("ci.yml", "if: always()\n        uses:", "uses:"),
    ("ci.yml", "      - name: Prepare\n        uses: ./.github/actions/pipeline\n", ""),
    ("backup.yml", "          exit 1\n", ""),
    ("backup.yml", "    environment: backup\n", ""),
    ("../actions/pipeline/action.yml", "run: make pipelines", "run: make demo"),
    ("ci.yml", "permissions: {}", "permissions: {}\nenv: {A: b}"),
    ("ci.yml", f"run: {CI}", f"run: |\n          {CI}\n          {CI}"),
    ("ci.yml", "pipelines/ci.py", "pipelines/ci.py --reports $HOME"),
    ("ci.yml", SUMMARY, ""),
    ("release.yml", " || github.ref_type != 'tag'", ""),
    ("backup.yml", "          role-duration-seconds: 7200\n", ""),
    ("drill.yml", " || vars.SYNAPSE_AWS_ROLE == ''", ""),
    ("drill.yml", ", SYNAPSE_AWS_ROLE and", " and"),
    ("release.yml", "if: vars.SYNAPSE_REGISTRY == '' || ", "if: "),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the workflows."""
    shutil.copytree(PROJECT / ".github", tmp_path / ".github")
    return tmp_path


def test_the_workflows_keep_every_rule() -> None:
    """No logic, no moving part, no right too many."""
    assert problems(PROJECT) == []


@pytest.mark.parametrize(("workflow", "good", "bad"), FAULTS)
def test_a_fault_is_found(copy: Path, workflow: str, good: str, bad: str) -> None:
    """Each rule can fail."""
    path = copy / ".github" / "workflows" / workflow
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad, 1))
    assert problems(copy)


def test_a_workflow_more_is_found(copy: Path) -> None:
    """What is not listed here has no rule for its rights."""
    folder = copy / ".github" / "workflows"
    shutil.copy(folder / "ci.yml", folder / "deploy.yml")
    assert any("not one for each" in problem for problem in problems(copy))


def test_one_action_has_one_version() -> None:
    """Two workflows do not run two versions of one action."""
    texts = [path.read_text() for path in sorted((PROJECT / ".github").rglob("*.yml"))]
    used = {uses for text in texts for uses in re.findall(r"uses: ([\w.-]+/[\w.-]+@.+)", text)}
    assert len({uses.partition("@")[0] for uses in used}) == len(used)


def test_the_cli_is_of_the_version_of_the_sdk() -> None:
    """Engine, CLI and SDK must be of one version."""
    lock = (PROJECT / "requirements-pipelines.lock").read_text()
    locked = re.findall(r"^dagger-io==([0-9.]+)", lock, re.MULTILINE)
    action = (PROJECT / ".github" / "actions" / "pipeline" / "action.yml").read_text()
    assert re.findall(r'^ +version: "([0-9.]+)"', action, re.MULTILINE) == locked
    assert len(locked) == 1


def test_the_preparation_installs_under_hashes(tmp_path: Path) -> None:
    """What `make pipelines` would run: the lock of the pipelines, then the project without anything more."""
    command = ["make", "--dry-run", "pipelines", f"VENV={tmp_path}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60)
    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert "--require-hashes -r requirements-pipelines.lock" in installs[0]
    assert "--no-deps --no-build-isolation -e ." in installs[1]
    assert len(installs) == 2


def test_a_missing_runner_is_red_not_skipped() -> None:
    """Without its variable the backup runs where it can say so, and fails there first."""
    backup = next(job for job in jobs(PROJECT / ".github" / "workflows") if job.name == "backup")
    assert backup.body["runs-on"] == "${{ vars.SYNAPSE_RUNNER || 'ubuntu-24.04' }}"
    first = backup.steps[0]
    assert "vars.SYNAPSE_RUNNER == ''" in first["if"]
    assert "SYNAPSE_RUNNER" in first["run"]


def test_the_drill_is_held_with_what_its_documents_need() -> None:
    """Else it would serve no document of a stack whose collection or embedding server is its own."""
    (drill,) = [job for job in jobs(PROJECT / ".github" / "workflows") if job.name == "drill"]
    (pipeline,) = [step for step in drill.steps if step.get("name") == "Pipeline"]
    given = {"COLLECTION", "EMBEDDING_URL", "EMBEDDING_MODEL", "EMBEDDING_API_KEY"}
    assert given <= pipeline["env"].keys()
    readme = (PROJECT / "README.md").read_text()
    assert [name for name in given if f"`SYNAPSE_{name}`" not in readme] == []


def test_the_alarm_waits_for_no_runner() -> None:
    """A backup that stays queued must not keep the alarm from ringing."""
    alarm = next(job for job in jobs(PROJECT / ".github" / "workflows") if job.name == "alarm")
    assert "needs" not in alarm.body
    assert alarm.body["runs-on"] == "ubuntu-24.04"
    assert alarm.concurrency["group"] != "backup"
