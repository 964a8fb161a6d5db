"""The websocket `/ws`: one JSON object per change; nothing is taken from the other side."""

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect, status

from app.answering.events import Happening, Listener
from app.api.services import Given

router = APIRouter()
_GOODBYE_SECONDS = 1.0


@router.websocket("/ws")
async def events(socket: WebSocket, services: Given) -> None:
    """Greet with the state, then tell of each change until the other side leaves."""
    with services.events.listen() as listener:
        await socket.accept()
        report = await services.health.look()
        greeting: dict[str, str | int | bool | None] = {"state": report.state}
        if report.index:
            generation = report.index.generation
            greeting |= {"epoch": generation.epoch, "sequence": generation.sequence}
        listener.offer(Happening("hello", services.clock(), greeting))
        await _tell(socket, listener)


async def _tell(socket: WebSocket, listener: Listener) -> None:
    gone = False
    with listener.scope:
        async with anyio.create_task_group() as tasks:

            async def wait_until_gone() -> None:
                nonlocal gone
                while not gone:
                    gone = (await socket.receive())["type"] == "websocket.disconnect"
                tasks.cancel_scope.cancel()

            tasks.start_soon(wait_until_gone)
            try:
                async for happening in listener.events:
                    await socket.send_json(_written(happening))
            except WebSocketDisconnect:
                gone = True
                tasks.cancel_scope.cancel()
    if not gone:
        with anyio.move_on_after(_GOODBYE_SECONDS):
            await socket.close(status.WS_1013_TRY_AGAIN_LATER, "too slow")


def _written(happening: Happening) -> dict[str, object]:
    return {"kind": happening.kind, "at": happening.at.isoformat(), **happening.data}
