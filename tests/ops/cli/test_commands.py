"""The command line is a contract: exit codes, JSON on stdout, words on stderr, no secret anywhere."""

import io
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.ops.cli.main import app
from pipelines.ops.model import FaissSource, Proof, RestorePoint
from pipelines.ops.repository import FolderStore, Repository

BIN = Path(sys.executable).parent
SECRET = "a-secret-that-must-not-show"


def _run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path / "data"),
        "SYNAPSE_REPOSITORY": str(tmp_path / "repository"),
        "REDIS_PORT": "1",
        "API_PORT": "2",
        "REDIS_PASSWORD": SECRET,
    }
    return subprocess.run(
        [BIN / "synapse", *arguments],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("no-such-command",), 2),
        (("points", "list"), 3),
        (("restore", "latest", "--yes"), 3),
        (("verify",), 3),
        (("backup",), 5),
        (("verify", "--level", "4"), 2),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """What fails, fails with the table's code, a sentence and a remedy, and without a traceback."""
    done = _run(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout
    if code > 2:
        assert "Remedy:" in done.stderr


def test_json_errors(tmp_path: Path) -> None:
    """With --json an error is one JSON document on stdout."""
    done = _run(tmp_path, "backup", "--json")
    assert done.returncode == 5
    error = json.loads(done.stdout)["error"]
    assert "127.0.0.1:1" in error["what"]
    assert error["hint"]


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """A setting that cannot be used is named, with code 2."""
    done = subprocess.run(
        [BIN / "synapse", "points", "list"],
        env={"PATH": os.environ["PATH"], "REDIS_PORT": "many"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "REDIS_PORT" in done.stderr


def test_every_command_has_help_with_examples() -> None:
    """Each command's help ends with examples."""
    group = get_command(app)
    commands = dict(group.commands)  # type: ignore[attr-defined]  # a group
    for group_of_its_own in ("points", "image", "pins", "key"):
        commands |= commands.pop(group_of_its_own).commands
    assert len(commands) >= 9
    for name, command in commands.items():
        assert "Example" in (command.epilog or ""), name


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("backup", "--only", "foo", "--json"), "--only"),
        (("verify", "--level", "4", "--json"), "--level"),
        (("points", "list", "--json", "--nonsense"), "--nonsense"),
    ],
)
def test_a_misused_command_gives_one_document_too(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    """Arguments that the parser refuses: code 2, what was wrong on both ways out."""
    done = _run(tmp_path, *arguments)
    assert done.returncode == 2
    assert named in json.loads(done.stdout)["error"]["what"]
    assert named in done.stderr
    assert "--help" in done.stderr


def test_where_says_the_place_and_no_key(tmp_path: Path) -> None:
    """A folder by its whole path; a bucket by its address, without what logs in."""
    run = [sys.executable, "-m", "pipelines.ops.cli", "points", "where", "--json"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "SYNAPSE"))}
    kept["PYTHONPATH"] = str(Path(__file__).parents[3])
    told = subprocess.run(run, cwd=tmp_path, env=kept, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == {"folder": str(tmp_path / "backups")}
    there = {"SYNAPSE_REPOSITORY": "s3://bucket/prefix", "AWS_ENDPOINT_URL_S3": "https://s3.example"}
    keys = {"AWS_ACCESS_KEY_ID": "known", "AWS_SECRET_ACCESS_KEY": "hidden"}
    told = subprocess.run(
        run, cwd=tmp_path, env=kept | there | keys, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) == {"url": "s3://bucket/prefix", "endpoint": "https://s3.example"}
    assert "hidden" not in told.stdout + told.stderr


def test_proofs_made_in_a_copy_are_kept(tmp_path: Path) -> None:
    """A point that was proven in a container is shown as proven; one that was not is an error."""
    here = Repository.create(FolderStore(tmp_path / "repository"))
    now = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
    stored = here.store_files([("a.index", io.BytesIO(b"some bytes"))])
    source = FaissSource(way="folder", files=stored.files)
    point = here.publish(RestorePoint(host="here", software={}, started=now, finished=now, faiss=source))
    shutil.copytree(tmp_path / "repository", tmp_path / "copy")
    keep = ("points", "keep-proofs", "latest", str(tmp_path / "copy"), "--json")
    nothing = _run(tmp_path, *keep)
    assert (nothing.returncode, "no proof of" in nothing.stderr) == (3, True)
    made = Proof(point=point.id, level=3, good=True, started=now, seconds=1.0, software={})
    Repository.open(FolderStore(tmp_path / "copy")).add_proof(made)
    kept = _run(tmp_path, *keep)
    assert kept.returncode == 0, kept.stderr
    assert json.loads(kept.stdout) == {"point": point.id, "proofs": 1}
    shown = _run(tmp_path, "points", "show", "latest", "--json")
    assert json.loads(shown.stdout)["standing"] == "proven"
