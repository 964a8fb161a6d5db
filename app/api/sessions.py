"""Routes of sessions: list, show, delete. They need Redis, so they are 503 without it."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from app.api.schemas import Id, SessionReply, SessionsReply, SessionSummaryReply, TurnReply
from app.api.services import Given, Writable

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


@router.get("")
async def list_sessions(services: Given, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> SessionsReply:
    """List sessions, the last asked first."""
    found = await services.memory.sessions(limit=limit)
    return SessionsReply(sessions=[SessionSummaryReply.model_validate(session) for session in found])


@router.get("/{session_id}")
async def show_session(services: Given, session_id: Id) -> SessionReply:
    """Show the turns of a session."""
    turns = await services.memory.session(session_id)
    if not turns:
        raise HTTPException(404, f"There is no session {session_id}")
    return SessionReply(id=session_id, turns=[TurnReply.model_validate(turn) for turn in turns])


@router.delete("/{session_id}", status_code=204, dependencies=[Writable])
async def delete_session(services: Given, session_id: Id) -> None:
    """Delete a session with its turns."""
    if not await services.memory.forget(session_id):
        raise HTTPException(404, f"There is no session {session_id}")
