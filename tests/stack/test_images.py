"""The images: built from clean, without root, and the same bytes when built again."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipelines.ops.images.comparing import compare
from pipelines.ops.images.normalise import normalise
from pipelines.ops.images.pushing import Push
from pipelines.ops.images.reference import parse_reference
from pipelines.ops.images.registry import Registry
from pipelines.ops.reporting import SilentReporter
from tests.ops.images.registries import registry
from tests.stack.compose import PROJECT
from tests.stack.engine import Engine
from tests.stack.images import CHECKED_OUT, EPOCH, IMAGES, build
from tests.stack.layers import layers
from tests.stack.standins import NAMES

WHOLE = {
    "synapse-backend": ("opt/venv/", 1000),
    "synapse-ops": ("opt/", 1000),
    "synapse-frontend": ("usr/share/nginx/html/", 3),
}
"""Folders that are equal as they are built, and the least number of files in each."""
RUNS = {
    "synapse-backend": ("python -v -c \"import json, faiss, app.main; print('started')\" 2>&1", "started"),
    "synapse-ops": (
        "python -v -m pipelines.ops.cli --version 2>&1 && redis-server --version",
        "Redis server",
    ),
    "synapse-frontend": ("nginx -v 2>&1 && cat /usr/share/nginx/html/index.html", "<html"),
    "synapse-frontend-dev": ("node_modules/.bin/vite --version", "vite/"),
}
"""What shows that an image's program starts, and what it says."""


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_nobody_is_root(docker: Engine, figure: Callable[[str], None], name: str) -> None:
    """The image's own user is not root, so that a container without `user:` is none either."""
    found = json.loads(docker.docker("inspect", name))[0]
    assert found["Config"]["User"].split(":")[0] not in {"", "0", "root"}
    figure(f"{name}: {int(found['Size']) / 1e6:.0f} MB, on the stand-in base images of the tests")


@pytest.mark.parametrize("user", ["0:0", "0", "1000:0"])
@pytest.mark.parametrize("name", ["synapse-backend", "synapse-ops"])
def test_root_is_refused(docker: Engine, name: str, user: str) -> None:
    """Whatever SYNAPSE_USER says, nothing is run as root, and the words name the line."""
    asked = [docker.client, "run", "--rm", "--user", user, name, "--version"]
    done = subprocess.run(asked, env=dict(docker.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "set SYNAPSE_USER in .env" in done.stderr


@pytest.mark.parametrize("user", ["1000:1000", "1234:1234"])
def test_whoever_runs_it_has_room_for_scratch_servers(docker: Engine, user: str) -> None:
    """A new scratch volume can be written by the user that SYNAPSE_USER names, whichever it is."""
    run = ("run", "--rm", "--user", user, "--volume", "/scratch", "--entrypoint", "/bin/sh")
    docker.docker(*run, "synapse-ops", "-c", "touch /scratch/written")


@pytest.mark.parametrize(("name", "there"), [("synapse-ops", True), ("synapse-backend", False)])
def test_s3_is_for_ops_alone(docker: Engine, name: str, there: bool) -> None:
    """What speaks to S3 is in the image that keeps restore points, and in no other."""
    program = "from importlib.util import find_spec; print(all(map(find_spec, ('boto3', 'botocore'))))"
    said = docker.docker("run", "--rm", "--entrypoint", "python", name, "-c", program)
    assert said.strip() == str(there)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with other file times."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in CHECKED_OUT:
        _copy_with_other_times(PROJECT / name, folder / name)
    return folder


@contextmanager
def built_from_clean(
    docker: Engine, name: str, checkout: Path, figure: Callable[[str], None]
) -> Iterator[str]:
    """Build an image without any cache, state its size, see its program start; give its name."""
    began = time.monotonic()
    build(docker, name, "--no-cache", tag="synapse-again", project=checkout)
    took, size = (
        time.monotonic() - began,
        int(docker.docker("inspect", "--format", "{{.Size}}", "synapse-again")),
    )
    figure(f"{name}: built without any cache in {took:.0f} s, {size / 1e6:.0f} MB, on the tests' base images")
    try:
        _see_that_it_runs(docker, name, "synapse-again")
        yield "synapse-again"
    finally:
        docker.docker("rmi", "synapse-again")


@pytest.fixture(scope="module", params=sorted(WHOLE))
def built_twice(
    request: pytest.FixtureRequest, docker: Engine, checkout: Path, figure: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Build an image again without any cache, from a checkout with other file times; return both names."""
    with built_from_clean(docker, request.param, checkout, figure) as again:
        yield request.param, again


def test_development_is_built_from_clean(
    docker: Engine, checkout: Path, figure: Callable[[str], None]
) -> None:
    """It holds the same packages and sources; nobody publishes it, so their times may differ."""
    with built_from_clean(docker, "synapse-frontend-dev", checkout, figure) as again:
        one, two = (
            {path: content for path, (_, content) in _files(docker, image, "app/").items()}
            for image in ("synapse-frontend-dev", again)
        )
    assert {"app/package.json", "app/index.html", "app/node_modules/vite/package.json"} <= one.keys()
    assert {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)} == set()


def test_the_same_bytes_when_built_again(docker: Engine, built_twice: tuple[str, str]) -> None:
    """Two builds without any cache give equal environments and pages: names, contents and times."""
    folder, least = WHOLE[built_twice[0]]
    one, two = (_files(docker, image, folder) for image in built_twice)
    assert len(one) >= least
    assert {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)} == set()


@pytest.fixture(scope="module")
def normal_forms(
    docker: Engine, built_twice: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Bring both builds into their normal form; return the layouts."""
    folder = tmp_path_factory.mktemp("normal")
    for image in built_twice:
        saved = folder / f"{image}.tar"
        docker.docker("save", "--output", saved, image)
        began = time.monotonic()
        form = normalise(saved, folder / image, epoch=int(EPOCH), reporter=SilentReporter())
        took, size = time.monotonic() - began, saved.stat().st_size / 1e6
        print(f"{image}: {size:.0f} MB normalised in {took:.1f} s: {form.root.digest}")  # noqa: T201  # a figure
        saved.unlink()
    return [folder / image for image in built_twice]


def test_the_same_digest_when_built_again(
    docker: Engine, built_twice: tuple[str, str], normal_forms: list[Path]
) -> None:
    """Two builds without any cache are two images to the engine, and one in the normal form."""
    assert len({docker.docker("inspect", "--format", "{{.Id}}", image) for image in built_twice}) == 2
    comparison = compare(*normal_forms, reporter=SilentReporter())
    assert comparison.equal, comparison


def test_the_normal_form_is_pulled_and_runs_when_built_again(
    docker: Engine, built_twice: tuple[str, str], normal_forms: list[Path], tmp_path: Path
) -> None:
    """An engine pulls what was pushed, by its digest, and its program starts; no compiled file is stale."""
    with registry(tmp_path / "registry") as served, httpx.Client(trust_env=False) as client:
        reference = parse_reference(f"{served.host}/synapse/image")
        pushing = Registry(client, reference, plain=True, login=None)
        pushed = Push(normal_forms[0], reference, pushing, SilentReporter(), time.sleep).run()
        name = f"{reference}@{pushed.digest}"
        docker.docker("pull", "--quiet", name)
        try:
            _see_that_it_runs(docker, built_twice[0], name)
        finally:
            docker.docker("rmi", name)


def _see_that_it_runs(docker: Engine, name: str, image: str) -> None:
    """Start what the image is for, read-only and without a network; no compiled file is stale."""
    script, wanted = RUNS[name]
    run = ("run", "--rm", "--network", "none", "--read-only", "--entrypoint", "sh", image, "-c")
    said = docker.docker(*run, script)
    assert wanted in said
    assert "stale" not in said


def _copy_with_other_times(source: Path, target: Path) -> None:
    """Copy files of the project as another checkout, under another umask, would lay them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules", "dist", "__pycache__"))
    else:
        shutil.copy(source, target)
    for number, path in enumerate(sorted(target.rglob("*")) if target.is_dir() else [target]):
        os.utime(path, (1_500_000_000 + number, 1_500_000_000 + number))
        path.chmod(path.stat().st_mode & 0o700)


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
