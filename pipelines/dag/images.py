"""The images, built from the same Dockerfiles as compose builds them, and made a function of the commit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dagger

from pipelines.dag.commands import digest, normalise
from pipelines.dag.executing import ran
from pipelines.dag.host import synapse_here
from pipelines.dag.running import Finding
from pipelines.dag.session import Session
from pipelines.dag.source import sources
from pipelines.dag.stack import Images


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image is built: from `context` below `folder`, to the stage `target`, on its `bases`."""

    context: tuple[str, ...]
    dockerfile: str
    target: str
    bases: tuple[str, ...]
    folder: str = "."


OWNER = "1000:1000"
"""Whom the commands in `ops` run as: a tarball of the engine is readable by its owner alone."""
_OTHER_TIME = 1_000_000_000
_BACKEND = ("app", "pipelines", "pyproject.toml", "README.md", "requirements*.lock", ".dockerignore")
RECIPES = {
    "backend": Recipe(_BACKEND, "app/Dockerfile", "backend", ("PYTHON_IMAGE", "REDIS_IMAGE")),
    "ops": Recipe(_BACKEND, "app/Dockerfile", "ops", ("PYTHON_IMAGE", "REDIS_IMAGE")),
    "frontend": Recipe(("frontend",), "Dockerfile", "", ("NODE_IMAGE", "NGINX_IMAGE"), "frontend"),
}


def built(
    session: Session, name: str, epoch: int, *, rebuild: str = "", platform: str | None = None
) -> dagger.Container:
    """Return an image as its Dockerfile makes it; `epoch` is its SOURCE_DATE_EPOCH in seconds.

    A new value of `rebuild` runs every step again, from sources with other times.
    """
    recipe = RECIPES[name]
    arguments = bases(session, recipe.bases)
    arguments.append(dagger.BuildArg("SOURCE_DATE_EPOCH", str(epoch)))
    context = sources(session, list(recipe.context)).directory(recipe.folder)
    if rebuild:
        arguments.append(dagger.BuildArg("REBUILD", rebuild))
        context = context.with_timestamps(_OTHER_TIME)
    made = context.docker_build(
        dockerfile=recipe.dockerfile,
        build_args=arguments,
        target=recipe.target,
        platform=dagger.Platform(platform) if platform else None,
        no_init=True,
    )
    # The engine makes a variable of the image out of an argument of its last stage.
    return made.without_env_variable("REBUILD") if rebuild else made


def bases(session: Session, names: Sequence[str]) -> list[dagger.BuildArg]:
    """Return the base images that the environment names; else the pinned one of the Dockerfile counts."""
    return [dagger.BuildArg(name, session.environ[name]) for name in names if session.environ.get(name)]


async def epoch_of(session: Session, name: str) -> int:
    """Return the time in seconds of the commit that last touched what the image is made of."""
    if name not in session.epochs:
        changes = ("--allow-dirty",) if session.any_tree else ()
        found = await synapse_here(session, "image", "epoch", name, *changes, "--json")
        session.epochs[name] = int(found["epoch"])
    return session.epochs[name]


async def tools(session: Session) -> dagger.Container:
    """Return the container in which images are normalised and pushed: `ops`, which has the command."""
    return built(session, "ops", await epoch_of(session, "ops"))


async def normalised(session: Session, name: str) -> dagger.Directory:
    """Return the image as an OCI layout whose digest is a function of the commit."""
    epoch = await epoch_of(session, name)
    first, *others = session.platforms or (None,)
    image = built(session, name, epoch, platform=first)
    variants = [built(session, name, epoch, platform=other) for other in others]
    return await normalised_of(session, tarball_of(image, variants), epoch)


def tarball_of(image: dagger.Container, others: list[dagger.Container] | None = None) -> dagger.File:
    """Return an image, or one with further platforms, as an OCI tarball as the engine writes it."""
    return image.as_tarball(
        platform_variants=others or None,
        forced_compression=dagger.ImageLayerCompression.Uncompressed,
        media_types=dagger.ImageMediaTypes.OCIMediaTypes,
    )


async def normalised_of(session: Session, tarball: dagger.File, epoch: int) -> dagger.Directory:
    """Return a tarball's image as a normalised OCI layout."""
    made = (await tools(session)).with_mounted_file("/image.tar", tarball, owner=OWNER)
    return made.with_exec([*normalise(str(epoch))]).directory("/scratch/image")


async def digested(session: Session, name: str) -> Finding:
    """Build and normalise an image; return its digest."""
    told = await digest_of(session, await normalised(session, name))
    session.facts[f"image {name}"] = told
    return Finding(told, {"digest": told, "epoch": await epoch_of(session, name)})


async def digest_of(session: Session, layout: dagger.Directory) -> str:
    """Return the digest under which a layout is published."""
    asked = (await tools(session)).with_mounted_directory("/image", layout).with_exec([*digest()])
    return str(json.loads(await ran(asked))["digest"])


async def tested_images(session: Session) -> Images:
    """Return the normalised images as containers: what is tested is what is published."""
    made = {name: await _imported(session, name) for name in RECIPES}
    return Images(**made)


async def _imported(session: Session, name: str) -> dagger.Container:
    packed = (
        (await tools(session))
        .with_mounted_directory("/image", await normalised(session, name))
        .with_exec(["tar", "--directory=/image", "--create", "--file=/scratch/image.tar", "."])
    )
    return session.client.container().import_(packed.file("/scratch/image.tar"))
