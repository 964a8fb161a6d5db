"""The product's images, built once for all tests of the stack."""

from pathlib import Path

from tests.stack.compose import PROJECT
from tests.stack.engine import Engine
from tests.stack.standins import ARGUMENTS

EPOCH = "1760000000"
IMAGES = {
    "synapse-backend": ("app/Dockerfile", "--target=backend", "."),
    "synapse-ops": ("app/Dockerfile", "--target=ops", "."),
    "synapse-frontend": ("frontend/Dockerfile", "frontend"),
    "synapse-frontend-dev": ("frontend/Dockerfile.dev", "frontend"),
}
"""Each with its Dockerfile, options, and the folder that it is built from."""


def build_images(engine: Engine) -> None:
    """Build every image from its Dockerfile, as compose would."""
    for name in IMAGES:
        build(engine, name)


def build(engine: Engine, name: str, *more: str, tag: str | None = None, project: Path = PROJECT) -> None:
    """Build one image; `more` are further arguments of `docker build`, `project` is the checkout."""
    dockerfile, *options, context = IMAGES[name]
    arguments = ["--file", str(project / dockerfile), *options, "--tag", tag or name]
    given = {"SOURCE_DATE_EPOCH": EPOCH, **ARGUMENTS}
    arguments += [f"--build-arg={key}={value}" for key, value in given.items()]
    arguments += [*more, str(project / context)]
    engine.docker("build", "--quiet", *arguments, timeout=1200)
