"""What the steps of reproduce.py do: the same image from two builds that share nothing."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import dagger

from pipelines.dag.against import Told
from pipelines.dag.commands import compare
from pipelines.dag.errors import StepError
from pipelines.dag.executing import fresh
from pipelines.dag.images import (
    OWNER,
    RECIPES,
    built,
    digest_of,
    epoch_of,
    normalised_of,
    tarball_of,
    tools,
)
from pipelines.dag.running import Action, Finding
from pipelines.dag.session import Session

_SHOWN = 10
Image = dagger.File | dagger.Directory
"""A tarball or a layout."""


def rebuild_actions(session: Session, against: Told | None) -> Mapping[str, Action]:
    """Return what each step does; `against` is the report of another run, whose digests must be the same."""
    known = against.digests if against else {}
    return {f"image-{name}": partial(_rebuilt, session, name, known.get(name)) for name in RECIPES}


async def _rebuilt(session: Session, name: str, known: str | None) -> Finding:
    epoch = await epoch_of(session, name)
    first = tarball_of(built(session, name, epoch))
    second = tarball_of(built(session, name, epoch, rebuild=session.run_id))
    raw = await _compared(session, first, second)
    layout = await normalised_of(session, first, epoch)
    found = await _compared(session, layout, await normalised_of(session, second, epoch))
    digest = await digest_of(session, layout)
    apart = len(_names(raw))
    figures = {"digest": digest, "epoch": epoch, "differing_without_normaliser": apart}
    session.facts[f"image {name}"] = digest
    if not found["equal"]:
        raise StepError(
            f"{name} differs: {', '.join(_names(found)[:_SHOWN]) or 'its config'}",
            output=json.dumps(found, indent=2)[:6000],
        )
    if known is not None and known != digest:
        raise StepError(f"{name} is {digest} here and {known} in the other report")
    words = f"{digest}, twice; {apart} files differ as this engine gives them"
    return Finding(words + (", as in the other report" if known else ""), figures)


async def _compared(session: Session, first: Image, second: Image) -> dict[str, Any]:
    """Compare two images in a container; the comparison itself may say that they differ."""
    comparing = _laid(_laid(await tools(session), "/first", first), "/second", second)
    done = fresh(session, comparing).with_exec([*compare()], expect=dagger.ReturnType.ANY)
    printed = await done.stdout()
    if await done.exit_code() not in (0, 1):
        raise StepError("the images cannot be compared", output=await done.stderr())
    found: dict[str, Any] = json.loads(printed)
    return found


def _laid(container: dagger.Container, path: str, image: Image) -> dagger.Container:
    if isinstance(image, dagger.File):
        return container.with_mounted_file(path, image, owner=OWNER)
    return container.with_mounted_directory(path, image)


def _names(found: Mapping[str, Any]) -> list[str]:
    """Return the files that are in one image alone or differ, of every platform."""
    files = [one["files"] for one in found["platforms"]]
    kinds = ("only_in_a", "only_in_b", "differing")
    return [str(path) for told in files for kind in kinds for path in told[kind]]
