"""A real S3 server (versitygw) on a folder: loopback, one-use credentials, ended by process."""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.ops.repository import ObjectStore, S3Place
from pipelines.ops.repository.s3_client import PATIENCE, opened
from pipelines.ops.repository.s3_patience import Patience
from pipelines.ops.settings import load
from tests.certificates import Certificates
from tests.ending import ended
from tests.ports import free_port
from tests.s3.program import NoServerError, s3_program
from tests.unchecked import not_checked
from tests.waiting import wait_until

BUCKET = "kept"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server; `environ` is how an operator would name a repository there."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path
    log: Path
    trusted: Path | None = None

    @property
    def bucket_folder(self) -> Path:
        """Where the bucket's objects lie as files."""
        return self.folder / BUCKET

    def environ(self, prefix: str = "") -> dict[str, str]:
        """Return the settings of a repository below a prefix of the bucket."""
        trusted = {"AWS_CA_BUNDLE": str(self.trusted)} if self.trusted else {}
        return {
            "SYNAPSE_REPOSITORY": f"s3://{BUCKET}/{prefix}",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            **trusted,
        }


@contextmanager
def s3_server(
    root: Path,
    certificates: Certificates | None = None,
    *,
    folder: Path | None = None,
    host: str = "127.0.0.1",
    versions: bool = False,
) -> Iterator[S3Server]:
    """Run a server with one bucket until the block ends; `folder` holds its objects, else one in `root`.

    With `versions` a bucket can be told to keep what is deleted.
    Skips where there is neither the server nor Go to build it.
    """
    program = _program()
    folder = folder or root / "objects"
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    port = free_port()
    scheme = "https" if certificates else "http"
    server = S3Server(
        f"{scheme}://{host}:{port}",
        secrets.token_hex(10),
        secrets.token_hex(20),
        folder,
        root / "versitygw.log",
        certificates.authority if certificates else None,
    )
    tls = ["--cert", str(certificates.certificate), "--key", str(certificates.key)] if certificates else []
    # In an environment, for an argument could be read by everybody.
    environ = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
    command = [str(program), "--port", f"{host}:{port}", "--quiet", *tls, "posix"]
    if versions:
        (root / "versions").mkdir()
        command += ["--versioning-dir", str(root / "versions")]
    command.append(str(folder))
    with server.log.open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd=root, stdout=log, stderr=log)
        with ended(process):
            wait_until(lambda: _answers(server, process), "the S3 server answers")
            yield server


def s3_environ(server: S3Server, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process whose repository is there, and nothing of this machine's AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **server.environ("processes"), **more}


def store_of(
    environ: dict[str, str], *, patience: Patience = PATIENCE, said: list[str] | None = None
) -> ObjectStore:
    """Return the store that settings name."""
    where = load(environ, None).repository
    assert isinstance(where, S3Place)
    return opened(where, (said if said is not None else []).append, patience)


def _program() -> Path:
    try:
        return s3_program()
    except NoServerError as error:
        not_checked(str(error))


def _answers(server: S3Server, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        raise RuntimeError(server.log.read_text()[-2000:])
    try:
        httpx.get(server.endpoint, verify=False, trust_env=False)  # only whether it answers
    except httpx.HTTPError:
        return False
    return True
