"""Stand-ins for the public base images, made from Debian's packages, under the same names."""

import os
import shutil
import tempfile
from pathlib import Path

from pipelines.ops.pins.model import read_pins
from tests.fetching import NotFetchedError, fetch
from tests.stack.engine import Engine, NoEngineError

_PINS = read_pins(Path(__file__).parents[2])
NAMES = {name: f"{_PINS[name].image}:{_PINS[name].tag}" for name in ("python", "redis", "node", "nginx")}
"""Without digests: no stand-in has the digest of what it stands for."""
ARGUMENTS = {f"{name.upper()}_IMAGE": image for name, image in NAMES.items()}
"""What Dockerfiles and compose files are given, so that a digest in them is not asked for."""
_PACKAGES = (
    *("ca-certificates", "python3", "python3-pip", "python3-venv"),
    *("redis-server", "redis-tools", "nginx-light", "wget"),
)
_SUITE = "bookworm"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def lay_standins(engine: Engine) -> None:
    """Make those base images that the engine does not have. Raises NoEngineError when they cannot be made."""
    missing = [name for name in NAMES if not engine.docker("images", "--quiet", NAMES[name]).strip()]
    if not missing:
        return
    with tempfile.TemporaryDirectory(prefix="synapse-standins-") as name:
        context = Path(name)
        _import_base(engine, context / "base.tar")
        (context / "base.tar").unlink()
        _fill(context)
        for target in missing:
            engine.docker("build", "--quiet", "--target", target, "--tag", NAMES[target], context)


def _import_base(engine: Engine, archive: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise NoEngineError("there is no mmdebstrap to make base images with")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
    try:
        fetch([*command, _SUITE, archive])
    except NotFetchedError as error:
        raise NoEngineError(f"base images cannot be made: {error}") from error
    engine.docker("import", archive, "synapse-standin-base")


def _fill(context: Path) -> None:
    """Lay what the stand-ins take from this machine: its certificates, its Node and npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoEngineError("there is no Node to make a base image with")
    shutil.copy(Path(node).resolve(), context / "node")
    shutil.copytree(Path(npm).resolve().parent.parent, context / "npm", symlinks=False)
    shutil.copy(_CERTIFICATES if _CERTIFICATES.exists() else os.devnull, context / "ca-certificates.crt")
    shutil.copy(Path(__file__).parent / "standins" / "Dockerfile", context / "Dockerfile")
