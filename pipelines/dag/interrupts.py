"""Ctrl-C, SIGTERM and a lost terminal end the steps, and the reports are still written."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@asynccontextmanager
async def interrupts() -> AsyncIterator[anyio.CancelScope]:
    """Give a scope that is cancelled at the first signal; a second one changes nothing."""
    stop = anyio.CancelScope()
    with anyio.open_signal_receiver(*_SIGNALS) as received:
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                async for _ in received:
                    stop.cancel()

            group.start_soon(wait)
            yield stop
            group.cancel_scope.cancel()
