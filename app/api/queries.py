"""Routes that ask: search, and questions with a whole or a streamed answer."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.answering.model import Cited, Delta, Done, Event, Question, Restarted
from app.api.schemas import AnswerReply, CitationReply, HitReply, QueryRequest, SearchReply, SearchRequest
from app.api.services import Given
from app.errors import SynapseError

router = APIRouter(prefix="/api", tags=["queries"])
_log = structlog.get_logger(__name__)
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/search")
async def search(services: Given, request: SearchRequest) -> SearchReply:
    """Find passages, best first."""
    if request.vector is not None:
        hits = await services.search.by_vector(request.vector, limit=request.limit)
    else:
        hits = await services.search.by_text(request.text or "", limit=request.limit)
    return SearchReply(hits=[HitReply.model_validate(hit) for hit in hits])


@router.post("/query")
async def query(services: Given, request: QueryRequest) -> AnswerReply:
    """Answer a question from the documents."""
    answer = await services.answering.answer(_question(request))
    return AnswerReply.model_validate(answer)


@router.post(
    "/query/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def query_stream(services: Given, request: QueryRequest) -> StreamingResponse:
    """Answer a question as server-sent events.

    `citations` first, then `delta` with pieces of the text, `restarted` if the pieces so far are void,
    at the end `answer` with all of it, or `error`.
    """
    events = services.answering.stream(_question(request))
    # The first event is awaited here, so that what fails before it is an ordinary error.
    first = await anext(events)
    return StreamingResponse(_lines(first, events), media_type="text/event-stream", headers=_UNBUFFERED)


def _question(request: QueryRequest) -> Question:
    return Question(request.question, request.session_id, request.limit)


async def _lines(first: Event, events: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    async with aclosing(events):
        yield _line(first)
        try:
            async for event in events:
                yield _line(event)
        except SynapseError as error:
            _log.warning("answer interrupted", reason=str(error))
            yield _written("error", {"what": error.what, "hint": error.hint})


def _line(event: Event) -> str:
    match event:
        case Cited(citations):
            cited = [CitationReply.model_validate(citation).model_dump() for citation in citations]
            return _written("citations", {"citations": cited})
        case Delta(text):
            return _written("delta", {"text": text})
        case Restarted(reason):
            return _written("restarted", {"reason": reason})
        case Done(answer):
            return _written("answer", AnswerReply.model_validate(answer).model_dump())


def _written(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
