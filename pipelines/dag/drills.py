"""Backup, destruction and restore of whole stacks in ephemeral containers."""

import json
import time
from collections.abc import Callable
from typing import Any

import dagger

from pipelines.dag.commands import SITE, backup, restore, served, verify
from pipelines.dag.executing import fresh, ran
from pipelines.dag.machine import machine, suite
from pipelines.dag.running import Finding
from pipelines.dag.session import Session
from pipelines.dag.stack import Images, Stack, running_stack

Placed = Callable[[dagger.Container], dagger.Container]
"""Gives an `ops` container its repository."""
_NOTE = "/tmp/written.json"  # noqa: S108  # in a container of its own


async def drill(session: Session, images: Images, label: str, placed: Placed) -> Finding:
    """Fill a stack, back it up, destroy it, restore into an empty one, and compare what a client sees."""
    async with running_stack(session, images, f"{label}-before") as before:
        filled = asking(session, before).with_exec([".venv/bin/python", "-m", "tests.served.filling", _NOTE])
        await ran(filled)
        saved = fresh(session, placed(before.beside(before.ops))).with_exec([*backup()])
        point = json.loads(await ran(saved))
        saved = saved.with_exec([*verify(str(point["point"]))])
        await ran(saved)
    async with running_stack(session, images, f"{label}-after") as after:
        found, took = await restored(session, after, placed, saved.directory("/app/backups"), point["point"])
        comparing = asking(session, after).with_file(_NOTE, filled.file(_NOTE))
        comparing = comparing.with_env_variable("SYNAPSE_TEST_NOTE", _NOTE)
        compared = await suite(session, label, comparing, ("tests/served/test_filled.py", "-n", "0"))
    figures = {"point": point["point"], "seconds_to_restore": took, "restore": found}
    return Finding(f"restored {point['point'][:12]} in {took:.1f} s; {compared.words}", figures)


async def restored(
    session: Session, stack: Stack, placed: Placed, repository: dagger.Directory | None, point: str
) -> tuple[dict[str, Any], float]:
    """Restore a point into a running, empty stack; return what `synapse` says, and how many seconds it took.

    What is served then through nginx must be what the point holds; it is among what is returned.
    No safety point is kept: it would lie, without anything in it, in the repository.
    `repository` is laid into the container where it is a folder. Raises StepError.
    """
    ops = stack.beside(stack.ops)
    if repository is not None:
        ops = ops.with_directory("/app/backups", repository, owner="1000:1000")
    # The image is built and the repository brought in before the clock runs.
    ready = await fresh(session, placed(ops)).sync()
    began = time.monotonic()
    done = ready.with_exec([*restore(point, safety=False)])
    said, took = json.loads(await ran(done)), round(time.monotonic() - began, 2)
    # The restore takes a backend that died for one that does not run: here it does, and nginx before it.
    asked = json.loads(await ran(done.with_exec([*served(point, SITE)])))
    return {**said, "served": asked["collection"]}, took


def asking(session: Session, stack: Stack) -> dagger.Container:
    """Return the machine of the tests beside a stack, let in; what it is asked is done, never remembered."""
    beside = stack.let_in(stack.beside(machine(session)))
    return fresh(session, beside.with_env_variable("SYNAPSE_TEST_SITE", SITE))
