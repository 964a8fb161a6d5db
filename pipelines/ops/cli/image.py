"""`synapse image`: bring an image into its normal form, compare two, push one, and tell its epoch."""

import time
import zlib
from pathlib import Path
from typing import Annotated

import httpx
import typer

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.image_words import comparison_data, comparison_lines
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.words import size
from pipelines.ops.errors import ExitCode, UsageError
from pipelines.ops.images.comparing import compare
from pipelines.ops.images.epoch import INPUTS, read_epoch
from pipelines.ops.images.layout import root_of
from pipelines.ops.images.login import read_login
from pipelines.ops.images.normalise import NormalForm, normalise
from pipelines.ops.images.pushing import Push
from pipelines.ops.images.reference import parse_reference
from pipelines.ops.images.registry import Registry

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


@image.command(
    "push",
    epilog="Example:  synapse image push build/image registry.example/team/name:1.2 --login-file login",
)
def push(
    layout: Layout,
    reference: Annotated[str, typer.Argument(help="registry.example:5000/team/name, or with :tag.")],
    tag: Annotated[list[str] | None, typer.Option(help="Another tag; may be given several times.")] = None,
    *,
    free: Annotated[
        list[str] | None, typer.Option(help="A tag that no other image may have; it is not set yet.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Send nothing unless the layout has this digest.")
    ] = None,
    move: Annotated[bool, typer.Option("--move", help="Let a tag of another image go over.")] = False,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="The registry has no TLS.")] = False,
    login_file: Annotated[
        Path | None, typer.Option(help="A file with `name:password`, or one that `docker login` wrote.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Push a layout to a registry by its digest, then under its tags, and read the digest back."""
    with guarded(json=as_json) as output, httpx.Client() as client:
        wanted = parse_reference(reference, tuple(tag or ()))
        later = parse_reference(f"{wanted}", tuple(free or ())).tags
        login = read_login(login_file, wanted.host) if login_file else None
        registry = Registry(client, wanted, plain=plain_http, login=login)
        pushed = Push(layout, wanted, registry, output.reporter, time.sleep, move, later, expect).run()
        data = {
            "reference": f"{wanted}@{pushed.digest}",
            "digest": pushed.digest,
            "tags": list(wanted.tags),
            "blobs_sent": pushed.sent,
            "blobs_there": pushed.there,
        }
        output.result(data, f"{wanted}@{pushed.digest}")


@image.command("digest", epilog="Example:  synapse image digest build/image")
def digest(layout: Layout, *, as_json: Json = False) -> None:
    """Print the digest under which a layout is pushed."""
    with guarded(json=as_json) as output:
        root = root_of(layout)
        output.result(root.data(), root.digest)


@image.command(
    "epoch",
    epilog="Examples:  synapse image epoch backend  |  synapse image epoch --path app --path deploy",
)
def epoch(
    images: Annotated[list[str] | None, typer.Argument(help="Images: backend, ops, frontend.")] = None,
    *,
    path: Annotated[list[str] | None, typer.Option(help="Another input; may be given several times.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Take inputs that differ from their commit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the time of the last commit that touched what an image is built from, for SOURCE_DATE_EPOCH."""
    with guarded(json=as_json) as output:
        unknown = sorted(set(images or ()) - INPUTS.keys())
        if unknown:
            raise UsageError(f"There is no image {unknown[0]}.", f"Name one of {', '.join(INPUTS)}.")
        paths = sorted({*(path or ()), *(one for name in images or () for one in INPUTS[name])})
        found = read_epoch(project, paths, allow_changed=allow_dirty)
        if found.changed:
            output.reporter.note(
                f"{len(found.changed)} inputs differ from their commit: no digest to rely on."
            )
        output.result(
            {"epoch": found.seconds, "commit": found.commit, "paths": paths, "changed": list(found.changed)},
            str(found.seconds),
        )


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
