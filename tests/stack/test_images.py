"""The images: built from clean, without root, compiler or secret, and the same bytes when built again."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator

import pytest

from tests.stack.engine import Engine
from tests.stack.images import IMAGES, build
from tests.stack.standins import NAMES

COMPILERS = ("gcc", "cc", "g++", "clang", "make", "ld", "rustc", "cargo", "go")
SECRET_WORDS = (b"BEGIN RSA PRIVATE", b"BEGIN OPENSSH PRIVATE", b"BEGIN PRIVATE KEY", b"_authToken=")


def layers(engine: Engine, name: str) -> Iterator[tarfile.TarFile]:
    """Yield each layer of an image as an archive."""
    saved = subprocess.run(
        [engine.client, "save", name], env=dict(engine.environ), capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest
        for path in json.loads(manifest.read())[0]["Layers"]:
            layer = image.extractfile(path)
            assert layer
            with tarfile.open(fileobj=io.BytesIO(layer.read())) as archive:
                yield archive


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_nobody_is_root(docker: Engine, name: str) -> None:
    """The image's own user is not root, so that a container without `user:` is none either."""
    config = json.loads(docker.docker("inspect", name))[0]["Config"]
    assert config["User"].split(":")[0] not in {"", "0", "root"}
    print(f"{name}: {int(json.loads(docker.docker('inspect', name))[0]['Size']) / 1e6:.0f} MB")  # noqa: T201  # a figure


@pytest.mark.parametrize("user", ["1000:1000", "1234:1234"])
def test_whoever_runs_it_has_room_for_scratch_servers(docker: Engine, user: str) -> None:
    """A new scratch volume can be written by the user that SYNAPSE_USER names, whichever it is."""
    run = ("run", "--rm", "--user", user, "--volume", "/scratch", "--entrypoint", "/bin/sh")
    docker.docker(*run, "synapse-ops", "-c", "touch /scratch/written")


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_no_compiler_and_no_secret_in_any_layer(docker: Engine, name: str) -> None:
    """No layer holds a compiler, a key, a token or a file of settings, hidden by a later one or not."""
    found: list[str] = []
    for layer in layers(docker, name):
        for member in layer:
            path = f"/{member.name.lstrip('./')}"
            base = path.rpartition("/")[2]
            if base in COMPILERS and "/bin/" in path:
                found.append(path)
            if base in {".env", "redis_password", "api_token", ".netrc", "id_rsa"}:
                found.append(path)
            if (
                member.isfile()
                and member.size < 100_000
                and path.startswith(("/app", "/opt", "/root", "/tmp"))
            ):
                file = layer.extractfile(member)
                content = file.read() if file else b""
                found += [
                    path for word in SECRET_WORDS if word in content and not path.endswith((".py", ".pyc"))
                ]
    assert found == []
    history = docker.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", name)
    assert "password" not in history.lower()
    assert "token" not in history.lower()


@pytest.mark.parametrize(
    ("name", "folder", "least"),
    [("synapse-backend", "opt/venv/", 1000), ("synapse-frontend", "usr/share/nginx/html/", 3)],
)
def test_the_same_bytes_when_built_again(docker: Engine, name: str, folder: str, least: int) -> None:
    """Two builds without any cache give equal environments and pages: names, contents and times."""
    build(docker, name, "--no-cache", tag="synapse-again")
    one, two = (_files(docker, image, folder) for image in (name, "synapse-again"))
    assert len(one) >= least
    assert {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)} == set()
    docker.docker("rmi", "synapse-again")


def _files(engine: Engine, name: str, folder: str) -> dict[str, tuple[float, str]]:
    """Return time and hash of every file below a folder."""
    found: dict[str, tuple[float, str]] = {}
    for layer in layers(engine, name):
        for member in layer:
            # A whiteout is how a layer says that it removed a file of the base.
            if member.name.startswith(folder) and member.isfile() and "/.wh." not in member.name:
                file = layer.extractfile(member)
                assert file
                found[member.name] = (member.mtime, hashlib.sha256(file.read()).hexdigest())
    return found


def test_ops_carries_the_server_of_the_stack(docker: Engine) -> None:
    """The scratch server is of the very version that the stack runs."""
    versions = [
        docker.docker("run", "--rm", "--entrypoint", "redis-server", image, "--version")
        for image in ("synapse-ops", NAMES["redis"])
    ]
    assert versions[0] == versions[1]
