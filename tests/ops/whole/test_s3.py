"""Every command with its repository on S3, and two machines that write to one bucket at once."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.repository import Standing
from pipelines.ops.restore.flow import restore
from tests.installation import backed_up, work_on
from tests.ops.capture.examples import documents, open_docs
from tests.passphrases import KINDS
from tests.s3.versitygw import S3Server, s3_environ, s3_server
from tests.servers import LiveServer, client_of, live_server

SYNAPSE = Path(sys.executable).parent / "synapse"
Run = Callable[..., Any]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    """Run an S3 server with an empty bucket."""
    with s3_server(tmp_path / "s3") as server:
        yield server


@pytest.fixture
def run(request: pytest.FixtureRequest, s3: S3Server, live: LiveServer, tmp_path: Path) -> Run:
    """Give a function that runs `synapse … --json` with its repository on S3, and returns its document.

    With a parameter that is a passphrase the repository is encrypted under it.
    """
    assert live.address.password
    (tmp_path / "scratch").mkdir()
    installation = {
        "DATA_DIR": str(tmp_path / "data"),
        "SYNAPSE_SCRATCH_DIR": str(tmp_path / "scratch"),
        "SYNAPSE_CACHE_DIR": str(tmp_path / "cache"),
        "REDIS_PORT": str(live.address.port),
        "REDIS_PASSWORD": live.address.password,
        "API_PORT": "1",
    }
    phrase = getattr(request, "param", None)
    if phrase:
        (tmp_path / "phrase").write_text(phrase + "\n")
        installation["SYNAPSE_PASSPHRASE_FILE"] = str(tmp_path / "phrase")

    def call(*arguments: str, code: int = 0) -> Any:  # a document of JSON
        done = subprocess.run(
            [SYNAPSE, *arguments, "--json"],
            env=s3_environ(s3, installation), cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip  # one line for what is run
        assert done.returncode == code, done.stderr
        assert s3.secret_key not in done.stdout + done.stderr
        assert not phrase or phrase not in done.stdout + done.stderr
        return json.loads(done.stdout)

    return call


@pytest.mark.parametrize("run", KINDS, ids=["plain", "encrypted"], indirect=True)
def test_little_is_sent_when_little_changed(run: Run, live: LiveServer) -> None:
    """What the last backup sent is kept near, and compared with; a point that needs it is proven from S3."""
    values = random.Random(1)
    with live.client() as client:
        client.mset({f"key:{number}": values.randbytes(200).hex() for number in range(10_000)})
        first = run("backup", "--only", "redis")
        client.mset({f"key:{number}": values.randbytes(200).hex() for number in range(0, 10_000, 200)})
        second = run("backup", "--only", "redis")
    assert second["proof"]["good"]
    assert second["bytes_new"] < first["bytes_new"] / 25


@pytest.mark.parametrize("run", KINDS, ids=["plain", "encrypted"], indirect=True)
def test_every_command(run: Run, live: LiveServer, tmp_path: Path, s3: S3Server) -> None:
    """Saved, listed, shown, checked at each level, brought back in three ways, looked at by the doctor."""
    with closing(open_docs(tmp_path / "data")) as docs:
        docs.add(documents("d", 10))
    with live.client() as client:
        client.set("kept", "before")
    assert "there is no repository" in run("points", "list", code=3)["error"]["what"].lower()
    point = run("backup")
    assert point["proof"]["good"]
    assert [one["id"] for one in run("points", "list")["points"]] == [point["point"]]
    assert run("points", "show", "latest")["standing"] == "proven"
    for level in ("1", "2", "3"):
        run("verify", "latest", "--level", level)
    with live.client() as client:
        client.set("kept", "after")
    assert run("restore", "latest", "--dry-run")["done"] is False
    assert run("restore", point["point"], "--yes")["safety"]
    with live.client() as client:
        assert client.get("kept") == b"before"
    run("restore", point["point"], "--into", str(tmp_path / "plain"))
    (aof,) = (tmp_path / "plain").rglob("*.manifest")
    old = tmp_path / "redis-old.aof"
    old.write_bytes(b"*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$1\r\n1\r\n")
    assert run("import", str(old))["proof"]["good"]
    findings = {one["name"]: one for one in run("doctor", code=1)["findings"]}
    assert findings["repository"]["state"] == "green"
    assert s3.endpoint in findings["repository"]["reason"]
    assert "no disk of this machine" in findings["repository disk"]["reason"]
    assert findings["last backup"]["state"] == "green"
    assert aof.parent.is_dir()
    assert not (tmp_path / "backups").exists()
    stored = [path.read_bytes() for path in s3.bucket_folder.rglob("*") if path.is_file()]
    in_the_clear = any(b"appendonlydir" in value for value in stored)
    assert in_the_clear is not (tmp_path / "phrase").exists()


def test_into_a_stopped_stack(run: Run, live: LiveServer, tmp_path: Path) -> None:
    """With the Redis of `synapse up` down the data is laid where that finds it."""
    (tmp_path / "data" / "redis").mkdir(parents=True)
    with closing(open_docs(tmp_path / "data")) as docs:
        docs.add(documents("d", 5))
    run("backup")
    live.kill()
    assert run("restore", "latest", "--yes")["kind"] == "stopped"
    assert list((tmp_path / "data" / "redis").rglob("*.manifest"))


def test_the_doctor_says_what_a_store_says(run: Run, s3: S3Server, tmp_path: Path) -> None:
    """A bucket that is gone is red with its remedy, and ends no other check."""
    s3.bucket_folder.rmdir()
    findings = {one["name"]: one for one in run("doctor", code=1)["findings"]}
    assert findings["repository"]["state"] == "red"
    assert "there is no bucket" in findings["repository"]["reason"]
    assert findings["repository"]["remedy"]
    assert "clock" in findings


def test_two_machines_at_once(s3: S3Server, program: ServerProgram, tmp_path: Path) -> None:
    """Both points are whole and proven, whoever wrote an object first, and each gives its own data back."""
    place = s3.environ("shared")
    with (
        live_server(program, tmp_path / "one" / "live") as one,
        live_server(program, tmp_path / "two" / "live") as two,
    ):
        servers = {"one": one, "two": two}
        for name, server in servers.items():
            with server.client() as client:
                client.mset({f"{number}": "the same" * 100 for number in range(5_000)} | {"name": name})
        works = {name: work_on(tmp_path / name, server, place=place) for name, server in servers.items()}
        with ThreadPoolExecutor(2) as pool:
            taken = {name: pool.submit(backed_up, work) for name, work in works.items()}
            reports = {name: future.result() for name, future in taken.items()}
        repository = works["one"].repository
        assert {ref.id for ref in repository.points()} == {report.ref.id for report in reports.values()}
        for name, report in reports.items():
            assert repository.standing(report.ref.id) is Standing.PROVEN
            assert repository.check_bytes(repository.load(report.ref)) == []
            # Each point goes into the server of the other.
            other = "two" if name == "one" else "one"
            assert restore(works[other], report.ref.id)
            with client_of(servers[other].address) as client:
                assert client.get("name") == name.encode()
