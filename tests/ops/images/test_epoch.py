"""The epoch of an image is the time of a commit, and refused where that commit is not known or not all."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.ops.cli.main import app
from pipelines.ops.errors import ExitCode, NothingError, RefusedError, UsageError
from pipelines.ops.images.epoch import INPUTS, read_epoch

PROJECT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str, time: int = 0) -> str:
    """Run git with an author and a time of its own."""
    date = f"@{time} +0000"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    command: list[str | Path] = ["git", *who, "-C", folder, *arguments]
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, path: str, time: int) -> None:
    """Commit a change of one file at a time."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(str(time))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", str(time), time=time)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a repository of three commits."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "app/main.py", 1_000)
    commit(folder, "frontend/page", 2_000)
    commit(folder, "notes", 3_000)
    return folder


def test_the_last_commit_that_touched_an_input_counts(clone: Path) -> None:
    """Commits to other files change nothing."""
    assert read_epoch(clone, ["app"]).seconds == 1_000
    assert read_epoch(clone, ["frontend"]).seconds == 2_000
    assert read_epoch(clone, ["app", "frontend"]).seconds == 2_000
    commit(clone, "app/more.py", 4_000)
    assert read_epoch(clone, ["app"]).seconds == 4_000


@pytest.mark.parametrize("name", ["status.showUntrackedFiles", "core.excludesFile"])
def test_what_only_this_git_ignores_is_an_input(clone: Path, name: str) -> None:
    """The project's .gitignore files count alone, for they do in a build."""
    (clone / ".gitignore").write_text("*.pyc\n")
    (clone / "app/new.py").write_text("")
    (clone / "app/new.pyc").write_text("")
    (clone / ".git/info/exclude").write_text("new.py\n")
    git(clone, "config", name, "no" if name.startswith("status") else ".git/info/exclude")
    assert read_epoch(clone, ["app"], allow_changed=True).changed == ("app/new.py",)


def test_changed_inputs_are_refused(clone: Path) -> None:
    """A changed, new or deleted input is named, unless it is allowed; other files do not matter."""
    (clone / "notes").write_text("changed")
    assert read_epoch(clone, ["app"]).changed == ()
    (clone / "app/new.py").write_text("")
    (clone / "app/main.py").unlink()
    with pytest.raises(RefusedError, match=r"2 inputs .*app/main\.py, app/new\.py") as caught:
        read_epoch(clone, ["app"])
    assert "--allow-dirty" in caught.value.hint
    allowed = read_epoch(clone, ["app"], allow_changed=True)
    assert (allowed.seconds, allowed.changed) == (1_000, ("app/main.py", "app/new.py"))


def test_a_shallow_clone_is_refused_where_it_does_not_know(tmp_path: Path, clone: Path) -> None:
    """The oldest commit of a shallow clone seems to have made every file; a newer one is known."""
    commit(clone, "app/more.py", 4_000)
    for depth in ("1", "2"):
        git(tmp_path, "clone", "-q", "--depth", depth, f"file://{clone}", depth)
        with pytest.raises(RefusedError, match="too shallow") as caught:
            read_epoch(tmp_path / depth, ["frontend"])
        assert "fetch-depth: 0" in caught.value.hint
    assert read_epoch(tmp_path / "2", ["app"]).seconds == 4_000


def test_places_without_an_answer(tmp_path: Path, clone: Path) -> None:
    """No repository, no commit yet, unknown paths, no paths."""
    with pytest.raises(UsageError, match="not a git repository"):
        read_epoch(tmp_path, ["app"])
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "-q")
    with pytest.raises(UsageError, match="does not have any commits"):
        read_epoch(tmp_path / "new", ["app"])
    with pytest.raises(NothingError, match="absent"):
        read_epoch(clone, ["absent"])
    with pytest.raises(UsageError, match="No inputs"):
        read_epoch(clone, [])


def test_the_command(clone: Path) -> None:
    """The number alone on stdout, with --json the commit too; an unknown image is a wrong argument."""
    here = ["--project", str(clone)]
    done = CliRunner().invoke(app, ["image", "epoch", "frontend", *here])
    assert (done.exit_code, done.stdout) == (0, "2000\n")
    told = json.loads(CliRunner().invoke(app, ["image", "epoch", "--path", "app", *here, "--json"]).stdout)
    assert told == {
        "epoch": 1_000,
        "commit": git(clone, "rev-list", "--max-parents=0", "HEAD").strip(),
        "paths": ["app"],
        "changed": [],
    }
    assert CliRunner().invoke(app, ["image", "epoch", "backnd", *here]).exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("image", "dockerfile", "context"),
    [("ops", "app/Dockerfile", "."), ("frontend", "frontend/Dockerfile", "frontend")],
)
def test_every_input_of_a_dockerfile_is_listed(image: str, dockerfile: str, context: str) -> None:
    """Whatever a Dockerfile copies from the project is among the inputs, and each input exists."""
    text = (PROJECT / dockerfile).read_text()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert copied
    inputs = INPUTS[image]
    for word in (*copied, Path(dockerfile).name):
        path = os.path.normpath(f"{context}/{word}" if word in copied else dockerfile)
        assert any(path == one or path.startswith(f"{one}/") for one in inputs), path
    assert all((PROJECT / one).exists() for one in inputs)
