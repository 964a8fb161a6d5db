"""`synapse image`: bring an image into its normal form, compare two, push one, and tell its epoch."""

import zlib
from pathlib import Path
from typing import Annotated

import typer

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.image_words import comparison_data, comparison_lines
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.words import size
from pipelines.ops.errors import ExitCode
from pipelines.ops.images.comparing import compare
from pipelines.ops.images.layout import root_of
from pipelines.ops.images.normalise import NormalForm, normalise

image = typer.Typer(help="Bring images into a normal form, compare and push them.", no_args_is_help=True)
Layout = Annotated[Path, typer.Argument(help="A layout folder that `synapse image normalise` wrote.")]


@image.command(
    "normalise", epilog="Example:  synapse image normalise image.tar build/image --epoch 1760000000"
)
def normalise_image(
    source: Annotated[
        Path, typer.Argument(help="An OCI layout, folder or tarball, or a `docker save` file.")
    ],
    into: Annotated[Path, typer.Argument(help="The layout folder to write; it must not exist.")],
    epoch: Annotated[int, typer.Option(help="The time of every file, in seconds since 1970.")],
    *,
    as_json: Json = False,
) -> None:
    """Write an image so that its digest is a function of its content alone, whoever built it and when."""
    with guarded(json=as_json) as output:
        form = normalise(source, into, epoch=epoch, reporter=output.reporter)
        output.result(_form_data(form, epoch), f"{form.root.digest}  {into}, {size(_stored(form))}")


@image.command("compare", epilog="Example:  synapse image compare build/image theirs.tar --json")
def compare_images(
    a: Annotated[Path, typer.Argument(help="A layout folder, a tarball, or a `docker save` file.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    *,
    as_json: Json = False,
) -> None:
    """Tell in what two images differ: digests, config, files. Exits 0 when they are equal, else 1."""
    with guarded(json=as_json) as output:
        comparison = compare(a, b, reporter=output.reporter)
        output.result(comparison_data(comparison), "\n".join(comparison_lines(comparison)))
        if not comparison.equal:
            raise typer.Exit(ExitCode.FAILED)


@image.command("digest", epilog="Example:  synapse image digest build/image")
def digest(layout: Layout, *, as_json: Json = False) -> None:
    """Print the digest under which a layout is pushed."""
    with guarded(json=as_json) as output:
        root = root_of(layout)
        output.result(root.data(), root.digest)


def _stored(form: NormalForm) -> int:
    return sum(layer.size for one in form.images for layer in one.layers)


def _form_data(form: NormalForm, epoch: int) -> dict[str, object]:
    return {
        "digest": form.root.digest,
        "media_type": form.root.media_type,
        "epoch": epoch,
        "size": _stored(form),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "images": [
            {
                "platform": str(one.manifest.platform),
                "digest": one.manifest.digest,
                "config": one.config.digest,
                "layers": [layer.data() for layer in one.layers],
            }
            for one in form.images
        ],
    }
