"""The rules that keep logic, rights and moving parts out of the workflows of GitHub Actions."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typer import TyperException

from pipelines.dag.errors import JobError
from tests.commandlines import JOBS, planned, understood

PIPELINES = JOBS.keys() - {"restore"}
"""A restore is what a person asks for."""
GIVEN = {'"$SYNAPSE_REGISTRY"', '"$GITHUB_REF_NAME"'}
"""The environment's words that a command may be given: quoted, so that whatever is in them stays one word."""
PREPARE = "./.github/actions/pipeline"
RIGHTS = {
    "ci": {"contents": "read"},
    "reproduce": {"contents": "read"},
    "release": {"contents": "read", "packages": "write"},
    "drill": {"contents": "read", "id-token": "write"},
    "backup": {"contents": "read", "id-token": "write"},
    "alarm": {"contents": "read", "id-token": "write"},
}
"""What each job may do, and no more."""
TRIGGERS = {
    "ci": {"push", "pull_request"},
    "release": {"push", "workflow_dispatch"},
    "backup": {"schedule", "workflow_dispatch"},
    "drill": {"schedule", "workflow_dispatch"},
    "reproduce": {"schedule", "workflow_dispatch"},
}
_UNENDED = {"release", "backup", "drill"}
"""Jobs that are never ended by a later run of themselves."""
_MINUTES = 120
_OWNERS = {"actions", "aws-actions", "dagger"}
_PINNED = re.compile(r"([\w.-]+)/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_USES = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
_SUMMARY = 'cat test-reports/summary.md >> "$GITHUB_STEP_SUMMARY"'
_REFUSAL = re.compile(r'echo "::error::[^"$`\\]+"')
_PIPELINE = ["dagger", "run", ".venv/bin/python"]
_COMMAND = [".venv/bin/synapse", "points", "check"]
_VARIABLE = re.compile(r"\$\{\{ vars\.(\w+) \}\}")
_ALWAYS = "always()"
_NO_TAG = "github.ref_type != 'tag'"
_ROLE_S = 3600
"""So many seconds a role of AWS is lent where nothing is said."""


@dataclass(frozen=True)
class Job:
    """One job with the workflow that it stands in."""

    workflow: str
    name: str
    body: Mapping[str, Any]
    concurrency: Mapping[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return its steps."""
        return list(self.body["steps"])


def problems(root: Path) -> list[str]:
    """Return a sentence for every breach below `root`/.github; none when there is no problem."""
    return list(_problems(root / ".github"))


def jobs(folder: Path) -> Iterator[Job]:
    """Yield every job of every workflow in a folder."""
    for path in sorted(folder.glob("*.yml")):
        document = yaml.safe_load(path.read_text())
        for name, body in document["jobs"].items():
            yield Job(path.stem, name, body, body.get("concurrency") or document.get("concurrency") or {})


def is_work(line: str) -> bool:
    """Say whether a line of `run` is the one thing that a job is there for."""
    return _is_pipeline(line) or shlex.split(line)[: len(_COMMAND)] == _COMMAND


def _problems(github: Path) -> Iterator[str]:
    for path in sorted(github.rglob("*.yml")):
        yield from (f"{path.name}: {text}" for text in _pins(path.read_text()))
    names = {path.stem for path in (github / "workflows").iterdir()}
    if names != set(PIPELINES):
        yield f"the workflows are {sorted(names)}, not one for each of {sorted(PIPELINES)}"
    for path in sorted((github / "workflows").glob("*.yml")):
        yield from (f"{path.name}: {text}" for text in _workflow(path))
    for job in jobs(github / "workflows"):
        yield from (f"{job.workflow}.{job.name}: {text}" for text in _job(job))
    action = yaml.safe_load((github / "actions" / "pipeline" / "action.yml").read_text())
    if [step["run"] for step in action["runs"]["steps"] if "run" in step] != ["make pipelines"]:
        yield "the preparation runs something else than `make pipelines`"


def _pins(text: str) -> Iterator[str]:
    for uses in _USES.findall(text):
        found = _PINNED.fullmatch(uses)
        if uses != PREPARE and (found is None or found[1] not in _OWNERS):
            yield f"{uses} is not pinned by a commit with its version beside it, or is a stranger's"


def _workflow(path: Path) -> Iterator[str]:
    document = yaml.safe_load(path.read_text())
    if document.get("permissions") != {}:
        yield "it gives rights to all its jobs"
    triggers = set(document[True])  # YAML 1.1 reads the word `on` so
    if triggers != TRIGGERS.get(path.stem):
        yield f"it is started by {sorted(triggers)}"
    if "env" in document or "defaults" in document:
        yield "it sets things for all its jobs"


def _job(job: Job) -> Iterator[str]:
    if job.body.get("permissions") != RIGHTS.get(job.name):
        yield f"it may do {job.body.get('permissions')}"
    if not 0 < job.body.get("timeout-minutes", 0) <= _MINUTES:
        yield f"it may last {job.body.get('timeout-minutes')} minutes"
    if not job.concurrency.get("group"):
        yield "two of it may run at a time"
    if job.concurrency.get("cancel-in-progress") is not (job.name not in _UNENDED):
        yield "a later run ends it, or should and does not"
    if any(key in job.body for key in ("if", "strategy", "services", "container", "continue-on-error")):
        yield "it is skipped, multiplied or forgiven by YAML"
    if "secrets." in str(job.body) and "environment" not in job.body:
        yield "it takes secrets without an environment that guards them"
    yield from (f"it does not refuse to run without {name}" for name in sorted(_unrefused(job)))
    if "$GITHUB_REF_NAME" in str(job.steps) and _NO_TAG not in str(job.steps[0].get("if")):
        yield "it takes the name of a branch for that of a tag"
    yield from _roles(job)
    yield from _commands(job)
    yield from _around(job)


def _roles(job: Job) -> Iterator[str]:
    for step in job.steps:
        if str(step.get("uses", "")).startswith("aws-actions/configure-aws-credentials@"):
            lent = step["with"].get("role-duration-seconds", _ROLE_S)
            if lent < job.body.get("timeout-minutes", 0) * 60:
                yield f"its role ends after {lent} s, before the job must"


def _unrefused(job: Job) -> set[str]:
    """Return the variables without a default that its steps use, and that no refusal names before them."""
    used = {name for step in job.steps for name in _VARIABLE.findall(f"{step.get('env')}{step.get('with')}")}
    refusals = [step for step in job.steps[:1] if _refuses(step)]
    return {name for name in used if not any(name in step["if"] and name in step["run"] for step in refusals)}


def _commands(job: Job) -> Iterator[str]:
    lines = [(step, line) for step in job.steps for line in step.get("run", "").splitlines()]
    work = [line for _, line in lines if is_work(line)]
    if len(work) != 1:
        yield f"it does {len(work)} things: {work}"
    for step, line in lines:
        if is_work(line):
            yield from _argument_problems(line, job)
        elif line == _SUMMARY:
            if step.get("if") != _ALWAYS:
                yield "its summary is not always shown"
        elif not (_REFUSAL.fullmatch(line) or line == "exit 1") or not _refuses(step):
            yield f"it runs {line!r}"
        if is_work(line) and "if" in step:
            yield "its work depends on a condition"


def _argument_problems(line: str, job: Job) -> Iterator[str]:
    plain = " ".join(word for word in line.split() if word not in GIVEN)
    if re.search(r"[|;&<>$`(){}*\\]", plain):
        yield f"it leaves work to the shell: {line!r}"
    words = shlex.split(line)
    try:
        if not _is_pipeline(line):
            understood(["synapse", *words[1:]])
        elif words[len(_PIPELINE)] == f"pipelines/{job.name}.py":
            planned(job.name, words[len(_PIPELINE) + 1 :])
        else:
            yield f"it runs {words[len(_PIPELINE)]}"
    except (JobError, TyperException) as error:
        yield f"its command is not understood: {error}"


def _around(job: Job) -> Iterator[str]:
    uses = [(str(step.get("uses", "")), step) for step in job.steps]
    checkouts = [step["with"] for name, step in uses if name.startswith("actions/checkout@")]
    if [given.get("persist-credentials") for given in checkouts] != [False]:
        yield "its checkout leaves a token behind"
    if PREPARE not in dict(uses):
        yield "nothing is prepared"
    if not any(_is_pipeline(line) for step in job.steps for line in step.get("run", "").splitlines()):
        return
    if not all(given.get("fetch-depth") == 0 for given in checkouts):
        yield "it does not know the time of its commit"
    kept = [step for name, step in uses if name.startswith("actions/upload-artifact@")]
    if [(step.get("if"), step["with"]["path"]) for step in kept] != [(_ALWAYS, "test-reports")]:
        yield "its reports are not always kept"
    if not any(step.get("run") == _SUMMARY for step in job.steps):
        yield "it has no summary"


def _refuses(step: Mapping[str, Any]) -> bool:
    condition = str(step.get("if", ""))
    return bool(condition) and (
        all(
            re.fullmatch(rf"vars\.[A-Z_]+ == ''|{re.escape(_NO_TAG)}", part)
            for part in condition.split(" || ")
        )
        and step["run"].splitlines()[-1] == "exit 1"
    )


def _is_pipeline(line: str) -> bool:
    return shlex.split(line)[: len(_PIPELINE)] == _PIPELINE
