"""A clone of the project to spoil, in which jobs run as a user runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.dag.recording.project import GIT, HERE, Ended


class Clone:
    """A project with what is not committed yet, committed in `folder` at the time of its last commit."""

    def __init__(self, dagger: str, folder: Path, project: Path = HERE) -> None:
        self.folder = folder / "clone"
        self.reports = folder / "reports"
        self._dagger = dagger
        subprocess.run(["git", "clone", "-q", str(project), str(self.folder)], check=True)
        for name in _git(project, "ls-files", "-mco", "--exclude-standard", "-z").split("\0"):
            source = project / name
            if name and source.is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, self.folder / name, follow_symlinks=False)
        self.commit()

    def commit(self) -> None:
        """Commit what was changed, if anything was."""
        if not _git(self.folder, "status", "--porcelain").strip():
            return
        when = _git(self.folder, "log", "-1", "--format=%cI").strip()
        environ = {**os.environ, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
        for words in (("add", "--all"), ("commit", "-q", "-m", "What is tried")):
            subprocess.run([*GIT, *words], cwd=self.folder, env=environ, check=True)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text in a file, and commit it."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        self.commit()

    def plan(self, job: str, *arguments: str) -> dict[str, dict[str, object]]:
        """Return the steps that a job would run or skip, by name."""
        done = subprocess.run(
            self._command(job, "--plan", "--json", *arguments),
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=True,
        )
        return {step["name"]: step for step in json.loads(done.stdout)["steps"]}

    def start(self, job: str, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a job under `dagger run`, as the leader of a group of processes of its own."""
        command = self._command(job, "--reports", str(self.reports), *arguments)
        return subprocess.Popen(
            [self._dagger, "--progress=plain", "run", *command],
            cwd=self.folder,
            env=self._environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, job: str, *arguments: str, **environ: str) -> Ended:
        """Run a job to its end; its reports are in the place of those of the one before."""
        return self.end(self.start(job, *arguments, **environ))

    def end(self, started: "subprocess.Popen[str]", heard: str = "") -> Ended:
        """Wait for the end of a job; `heard` is what was read of its stderr before."""
        stdout, stderr = started.communicate()
        return Ended(started.returncode, stdout, heard + stderr, self.reports)

    def _command(self, job: str, *arguments: str) -> list[str]:
        return [sys.executable, f"pipelines/{job}.py", *arguments]

    def _environ(self, **more: str) -> dict[str, str]:
        """Let the job's own code come from the clone, and its settings from the test alone."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SYNAPSE_"))
        }
        return {**kept, "PYTHONPATH": str(self.folder), "NO_COLOR": "1", **more}


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout
