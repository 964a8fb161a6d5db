"""Puts routes and middleware together into the application that a server runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.api import documents, queries, sessions
from app.api.errors import add_error_handlers
from app.api.events import events_router
from app.api.health import health_router
from app.api.limits import JSON_BYTES, BodyLimit
from app.api.metrics import Metrics
from app.api.requests import HEADER, RequestContext
from app.api.schemas import ProblemReply
from app.api.services import Services
from app.domain import SynapseError

_FILES_PER_UPLOAD = 4
_log = structlog.get_logger(__name__)


def build_app(
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
    *,
    cors_origins: Sequence[str] = (),
    max_document_bytes: int = 10_000_000,
) -> FastAPI:
    """Return the application; `open_services` is entered when it starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with open_services() as services:
                app.state.services = services
                yield
        except SynapseError as error:
            _log.critical("cannot start", what=error.what, hint=error.hint)
            raise

    app = FastAPI(
        title="Synapse",
        summary="Asks your documents, and says where the answer is from.",
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses={"4XX": {"model": ProblemReply}, "5XX": {"model": ProblemReply}},
    )
    metrics = Metrics()
    for router in (documents.router, queries.router, sessions.router, health_router(metrics)):
        app.include_router(router)
    app.include_router(events_router(cors_origins))
    add_error_handlers(app)
    _add_middleware(app, metrics, cors_origins, max_document_bytes)
    return app


def _add_middleware(
    app: FastAPI, metrics: Metrics, cors_origins: Sequence[str], max_document_bytes: int
) -> None:
    """Wrap the application; the last one added is the outermost."""
    app.add_middleware(BodyLimit, upload_bytes=JSON_BYTES + _FILES_PER_UPLOAD * max_document_bytes)
    app.add_middleware(RequestContext, metrics=metrics)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Content-Type", "Authorization", HEADER],
        expose_headers=[HEADER, "Retry-After"],
    )
