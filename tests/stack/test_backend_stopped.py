"""The container of the backend is stopped and restarted under load: nothing is lost without a word."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.app.doubles import ModelServer
from tests.stack.mixed import Mixed
from tests.stack.modelled import model, site, titles_of
from tests.stack.whole import Whole
from tests.stack.workers import takes_clients, workers
from tests.waiting import wait_until

__all__ = ["model", "site"]

READERS, WRITERS, LISTENERS = 24, 12, 12
KILLED = 137
"""The code of a container that did not end within its time."""


@pytest.mark.parametrize("commands", [("stop", "start"), ("restart",)], ids="-".join)
def test_it_is_ended_under_load(
    site: Whole, model: ModelServer, figure: Callable[[str], None], commands: tuple[str, ...]
) -> None:
    """What it has begun it answers, the rest is told that it is away, and it goes of itself."""
    wait_until(lambda: site.made.healthy("synapse_backend"), "it is well")
    began = _now(site)
    mixed = Mixed(site, site.add("Kept", "Kept while it is away."), expected=True)
    model.mode = "held"
    model.go_on.clear()
    streams: set[str] = set()

    async def end() -> None:
        try:
            await _begin(mixed)
            streams.update(mixed.open)
            await _end(site, model, mixed, commands)
        finally:
            model.go_on.set()
        reads, adds = len(mixed.read) + READERS, len(mixed.added) + WRITERS
        await mixed.reached(lambda: len(mixed.read) > reads and len(mixed.added) > adds, "it answers again")

    asyncio.run(mixed.during(end))
    assert mixed.dropped == []
    assert mixed.refused
    assert streams <= mixed.heard.keys()
    codes = _codes(site, began)
    assert len(codes) == 1
    assert codes[0] != KILLED
    titles = Counter(titles_of(site))
    assert {title: titles[title] for title in mixed.added.values()} == dict.fromkeys(mixed.added.values(), 1)
    figure(
        f"the backend after `{' and '.join(commands)}` with {len(streams)} open streams: code {codes[0]},"
        f" {len(mixed.added)} documents added, refused: {dict(mixed.refused)}"
    )


async def _begin(mixed: Mixed) -> None:
    """Return when every stream has said something and all others are under way."""
    mixed.begin(listeners=LISTENERS)
    await mixed.reached(lambda: len(mixed.open) == LISTENERS, "every stream has begun")
    mixed.begin(readers=READERS, writers=WRITERS)
    await mixed.reached(lambda: len(mixed.read) > READERS and len(mixed.added) > WRITERS, "all are under way")


async def _end(site: Whole, model: ModelServer, mixed: Mixed, commands: tuple[str, ...]) -> None:
    """Give the commands; let the streams go on as soon as no worker takes a new client."""
    there = workers(site.made).values()
    first, *others = commands
    given = asyncio.create_task(asyncio.to_thread(site.made.compose, first, "backend"))
    await mixed.reached(lambda: not any(takes_clients(pid) for pid in there), "it takes no new clients")
    model.go_on.set()
    await given
    for command in others:
        await mixed.reached(lambda: sum(mixed.refused.values()) > READERS, "all have been told")
        await asyncio.to_thread(site.made.compose, command, "backend")


def _now(site: Whole) -> str:
    """Return the time by the clock of the engine."""
    return site.made.engine.docker("info", "--format", "{{.SystemTime}}").strip()


def _codes(site: Whole, since: str) -> list[int]:
    """Return the codes with which the container has ended since then."""
    asked = ("--filter", "container=synapse_backend", "--filter", "event=die", "--since", since)
    until = ("--until", _now(site), "--format", "{{.Actor.Attributes.exitCode}}")
    return [int(code) for code in site.made.engine.docker("events", *asked, *until).split()]
