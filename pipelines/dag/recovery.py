"""What the steps of backup.py, restore.py and drill.py do."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import dagger

from pipelines.dag.commands import backup, restore, show, verify
from pipelines.dag.drills import restored
from pipelines.dag.errors import StepError
from pipelines.dag.executing import failed, fresh
from pipelines.dag.host import synapse_here
from pipelines.dag.images import RECIPES, built, epoch_of, tools
from pipelines.dag.own import own_index
from pipelines.dag.repository import keep_proofs, place_of, reached
from pipelines.dag.running import Action, Finding
from pipelines.dag.session import Session
from pipelines.dag.stack import Images, running_stack

_POINT = "point"


def backup_actions(session: Session) -> Mapping[str, Action]:
    """Return what each step of backup.py does."""
    session = replace(session, any_tree=True)
    return {"capture": partial(_capture, session), "prove": partial(_prove, session)}


def restore_actions(session: Session, wanted: str) -> Mapping[str, Action]:
    """Return what each step of restore.py does; `wanted` names the point."""
    session = replace(session, any_tree=True)
    return {
        "choose": partial(_choose, session, wanted),
        "rehearse": partial(_rehearse, session, None),
        "restore": partial(_restore, session),
    }


def drill_actions(session: Session, wanted: str, within: float | None) -> Mapping[str, Action]:
    """Return what each step of drill.py does; a restore that takes longer than `within` seconds fails."""
    session = replace(session, any_tree=True)
    return {
        "choose": partial(_choose, session, wanted),
        "prove": partial(_prove, session),
        "rehearse": partial(_rehearse, session, within),
    }


async def _capture(session: Session) -> Finding:
    told = await synapse_here(session, *backup()[1:])
    session.facts[_POINT] = told["point"]
    figures = {name: told[name] for name in ("point", "size", "bytes_new", "steps")}
    return Finding(f"point {told['point'][:12]}, {told['size']} bytes, {told['bytes_new']} new", figures)


async def _choose(session: Session, wanted: str) -> Finding:
    told = await synapse_here(session, *show(wanted)[1:])
    session.facts[_POINT] = told["id"]
    return Finding(f"point {told['id'][:12]} of {told['time']}, {told['standing']}")


async def _prove(session: Session) -> Finding:
    """Boot and query the point in an ephemeral container, and keep the proof in the repository."""
    point, place = str(session.facts[_POINT]), await place_of(session)
    ops = reached(session, place, await tools(session))
    done = fresh(session, ops).with_exec([*verify(point)], expect=dagger.ReturnType.ANY)
    code, printed = await done.exit_code(), await done.stdout()
    told = _read(printed)
    if "proofs" in told:  # also a bad one: nobody must take the point for good any more
        await keep_proofs(session, place, done, point)
    if code:
        raise failed(verify(point), code, printed, await done.stderr())
    return Finding(f"proven {point[:12]}", {"proof": told})


def _read(printed: str) -> dict[str, Any]:
    try:
        found = json.loads(printed)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _rehearse(session: Session, within: float | None) -> Finding:
    """Restore the point into an empty stack of ephemeral containers; say how long that took."""
    point, place, own = str(session.facts[_POINT]), await place_of(session), await own_index(session)
    images = Images(**{name: built(session, name, await epoch_of(session, name)) for name in RECIPES})
    async with running_stack(session, images, "rehearsal", own) as stack:
        told, took = await restored(session, stack, partial(reached, session, place), None, point)
    if within is not None and took > within:
        raise StepError(f"the restore took {took:.1f} s, longer than the {within:.0f} s of --within")
    figures = {"seconds_to_restore": took, "restore": told}
    return Finding(f"{point[:12]} restored into an empty stack in {took:.1f} s", figures)


async def _restore(session: Session) -> Finding:
    """Restore into the stack of this machine."""
    told = await synapse_here(session, *restore(str(session.facts[_POINT]))[1:])
    return Finding(f"{str(session.facts[_POINT])[:12]} restored into the running stack", {"restore": told})
