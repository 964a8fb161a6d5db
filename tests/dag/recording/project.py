"""A throw-away project to run jobs in: a clean clone with the compose files and a scripted `synapse`.

What `synapse` does is tested where it is made; here its answers are given, and what it was asked is kept.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dag.recording.recorder import Recorder

HERE = Path(__file__).parent.parent.parent.parent
POINT = "3f2a" + "0" * 60
_SYNAPSE = Path(__file__).parent / "scripted_synapse.py"
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended, and where its reports are."""

    code: int
    stdout: str
    stderr: str
    reports: Path

    def report(self) -> dict[str, object]:
        """Return what report.json holds."""
        found: dict[str, object] = json.loads((self.reports / "report.json").read_text(encoding="utf-8"))
        return found

    @property
    def said(self) -> str:
        """All that was written to the terminal, stdout before stderr."""
        return self.stdout + self.stderr

    @property
    def steps(self) -> dict[str, dict[str, object]]:
        """Each step of the report, by its name."""
        steps = self.report()["steps"]
        assert isinstance(steps, list)
        return {step["name"]: step for step in steps}

    def figures(self, name: str) -> dict[str, Any]:
        """Return what a step has found."""
        found = self.steps[name]["figures"]
        assert isinstance(found, dict)
        return found

    def states(self) -> dict[str, str]:
        """Return how each step ended."""
        return {name: str(step["state"]) for name, step in self.steps.items()}


class Project:
    """The folder in which jobs run; `asked` is what its `synapse` was asked on the host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.reports = folder / "reports"
        self._asked = folder / "asked.jsonl"
        self._answers = folder / "answers.json"
        self._lay()

    @property
    def repository(self) -> Path:
        """The folder of the restore points, as `synapse` tells it."""
        return self.folder / "backups"

    def asked(self) -> list[tuple[str, ...]]:
        """Return each command that `synapse` got on the host."""
        lines = self._asked.read_text().splitlines() if self._asked.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    def answering(self, **answers: object) -> None:
        """Let `synapse` on the host answer otherwise: `points_where={"url": …}`."""
        self._answers.write_text(json.dumps(answers))

    def run(self, recorder: Recorder, job: str, *arguments: str, **environ: str) -> Ended:
        """Run a job to its end."""
        started = self.start(recorder, job, *arguments, **environ)
        return self.end(started)

    def start(self, recorder: Recorder, job: str, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a job file as `dagger run` starts it."""
        command = [sys.executable, str(HERE / f"pipelines/{job}.py"), "--reports", str(self.reports)]
        return self.start_command(recorder, [*command, *arguments], **environ)

    def start_command(
        self, recorder: Recorder, command: list[str], **environ: str
    ) -> "subprocess.Popen[str]":
        """Start any command in the project, in the recorder's session."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DAGGER", "AWS")) and not name.endswith("_IMAGE")
        }
        kept |= {"SCRIPTED_ASKED": str(self._asked), "SCRIPTED_ANSWERS": str(self._answers)}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**kept, **recorder.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, started: "subprocess.Popen[str]", sent: signal.Signals | None = None) -> Ended:
        """Wait for the end of a job, after a signal if one is given."""
        try:
            if sent is not None:
                started.send_signal(sent)
            stdout, stderr = started.communicate(timeout=120)
        finally:
            started.kill()
        return Ended(started.returncode, stdout, stderr, self.reports)

    def _lay(self) -> None:
        ops = self.folder / "pipelines/ops/cli"
        ops.mkdir(parents=True)
        shutil.copy(_SYNAPSE, ops / "__main__.py")
        (self.folder / "deploy").mkdir()
        for name in ("docker-compose.yml", "docker-compose.production.yml", "deploy/pins.toml"):
            shutil.copy(HERE / name, self.folder / name)
        (self.folder / ".gitignore").write_text("backups/\n__pycache__/\n")
        self.repository.mkdir()
        for words in (("init", "-q"), ("add", "--all"), ("commit", "-q", "-m", "All that is needed")):
            subprocess.run([*GIT, *words], cwd=self.folder, check=True)
