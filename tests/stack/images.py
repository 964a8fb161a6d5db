"""The product's images, built once for all tests of the stack."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
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
CHECKED_OUT = (
    *("app", "frontend", "pipelines", ".dockerignore", "README.md", "pyproject.toml"),
    *("requirements.lock", "requirements-s3.lock"),
)
"""What of a checkout the images are built from, and what keeps the rest out."""


def build_images(engine: Engine) -> None:
    """Build every image from its Dockerfile, as compose would."""
    with ThreadPoolExecutor(2) as builders:
        for done in [builders.submit(build, engine, name) for name in IMAGES]:
            done.result()


def build(engine: Engine, name: str, *more: str, tag: str | None = None, project: Path = PROJECT) -> None:
    """Build one image; `more` are further arguments of `docker build`, `project` is the checkout."""
    dockerfile, *options, context = IMAGES[name]
    arguments = ["--file", str(project / dockerfile), *options, "--tag", tag or name]
    given = {"SOURCE_DATE_EPOCH": EPOCH, **ARGUMENTS}
    arguments += [f"--build-arg={key}={value}" for key, value in given.items()]
    arguments += [*more, str(project / context)]
    engine.docker("build", "--quiet", *arguments, timeout=1200)


def hand_over(source: Engine, target: Engine, images: list[str]) -> None:
    """Copy images from one engine to another."""
    command = [source.client, "save", *images]
    with subprocess.Popen(command, env=dict(source.environ), stdout=subprocess.PIPE) as saved:
        loaded = subprocess.run(
            [target.client, "load", "--quiet"],
            env=dict(target.environ),
            stdin=saved.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (saved.returncode, loaded.returncode) == (0, 0), loaded.stderr
