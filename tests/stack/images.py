"""The product's images, built once for all tests of the stack."""

from pathlib import Path

from tests.stack.compose import PROJECT
from tests.stack.engine import Engine

EPOCH = "1760000000"
IMAGES = {"synapse-backend": "backend", "synapse-ops": "ops"}


def build_images(engine: Engine) -> None:
    """Build every image from its Dockerfile, as compose would."""
    for name, target in IMAGES.items():
        build(engine, name, "app/Dockerfile", target)


def build(
    engine: Engine, name: str, dockerfile: str, target: str, *more: str, context: Path = PROJECT
) -> None:
    """Build one image; `more` are further arguments of `docker build`."""
    arguments: list[str | Path] = ["--file", context / dockerfile, "--target", target, "--tag", name]
    arguments += ["--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", *more]
    engine.docker("build", "--quiet", *arguments, context, timeout=1200)
