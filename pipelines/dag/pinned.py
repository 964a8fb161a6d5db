"""The images of others that a run builds and tests on, and what the pin file says of them."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pipelines.dag.errors import JobError

PIN_FILE = Path("deploy/pins.toml")
_VARIABLES = {
    "python": "PYTHON_IMAGE",
    "redis": "REDIS_IMAGE",
    "node": "NODE_IMAGE",
    "nginx": "NGINX_IMAGE",
    "golang": "GO_IMAGE",
}
NAMES = {variable: name for name, variable in _VARIABLES.items()}
"""The variables that name an image, each with the pin that counts without it."""
_BY_DIGEST = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})")


def used(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the image that each variable names, or the pinned one, as facts of a report."""
    try:
        pins = _pins(folder)
    except JobError:  # whoever saves or restores needs none; a release looks itself
        pins = {}
    facts = {}
    for variable, name in NAMES.items():
        facts[f"base {name}"] = environ.get(variable) or _reference(pins.get(name))
    return facts


def unpinned(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each image of the environment that is not the pinned one by its digest.

    Another host or name may be a mirror's; the digest may not be another. Raises JobError for a pin file that
    cannot be read, if an image is named.
    """
    given = {variable: environ[variable] for variable in NAMES if environ.get(variable)}
    pins = _pins(folder) if given else {}
    return [
        told
        for variable, image in given.items()
        if (told := _complaint(variable, image, pins.get(NAMES[variable])))
    ]


def _complaint(variable: str, image: str, pin: Mapping[str, str] | None) -> str:
    found = _BY_DIGEST.fullmatch(image)
    if found is None:
        return f"{variable} names {image}, which is not given by its digest"
    wanted = (pin or {}).get("digest")
    return f"{variable} names {found[1]}, and {wanted} is pinned" if wanted and wanted != found[1] else ""


def _reference(pin: Mapping[str, str] | None) -> str:
    if pin is None:
        return "as its Dockerfile says"
    return f"{pin['image']}:{pin['tag']}" + (f"@{pin['digest']}" if pin.get("digest") else "")


def _pins(folder: Path) -> dict[str, dict[str, str]]:
    """Read the pin file, whose form `synapse pins lint` checks. Raises JobError."""
    path = folder / PIN_FILE
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: {key: str(pin[key]) for key in ("image", "tag", "digest")} for name, pin in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"{path} cannot be read as a pin file: {error}.", "Run it in the project's folder."
        ) from error
