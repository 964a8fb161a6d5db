"""Puts routes and middleware together into the application that a server runs."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.middleware.cors import CORSMiddleware

from app.api import docs, documents, events, queries, sessions
from app.api.attempts import Attempts
from app.api.errors import add_error_handlers
from app.api.guard import Guard, Rules
from app.api.headers import SecurityHeaders
from app.api.health import health_router
from app.api.limits import JSON_BYTES, BodyLimit
from app.api.login import login_router
from app.api.metrics import Metrics
from app.api.page import Page
from app.api.requests import HEADER, RequestContext
from app.api.schemas import ProblemReply
from app.api.services import Services
from app.errors import SynapseError

_FILES_PER_UPLOAD = 4
# It refuses nothing itself: it makes the description say what the guard wants.
_TOKEN = HTTPBearer(auto_error=False, description="API_TOKEN; a page signs in at /api/login instead.")
_log = structlog.get_logger(__name__)


def build_app(
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
    rules: Rules,
    *,
    max_document_bytes: int = 10_000_000,
    page_dir: Path | None = None,
    shared_metrics: Path | None = None,
) -> FastAPI:
    """Return the application; `open_services` is entered when it starts and left when it stops.

    `shared_metrics` is a folder in which several workers count together. Raises SynapseError when `page_dir`
    holds no page.
    """

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
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses={"4XX": {"model": ProblemReply}, "5XX": {"model": ProblemReply}},
    )
    metrics = Metrics(shared_metrics)
    for router in (documents.router, queries.router, sessions.router):
        app.include_router(router, dependencies=[Security(_TOKEN)])
    login = login_router(rules.credentials, Attempts(time.monotonic))
    for router in (login, health_router(metrics), events.router, docs.router):
        app.include_router(router)
    if page_dir is not None:
        app.router.default = Page(page_dir, otherwise=app.router.default)
    add_error_handlers(app)
    _add_middleware(app, metrics, rules, max_document_bytes)
    return app


def _add_middleware(app: FastAPI, metrics: Metrics, rules: Rules, max_document_bytes: int) -> None:
    """Wrap the application; the last one added is the outermost."""
    app.add_middleware(BodyLimit, upload_bytes=JSON_BYTES + _FILES_PER_UPLOAD * max_document_bytes)
    app.add_middleware(Guard, rules=rules)
    app.add_middleware(RequestContext, metrics=metrics)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(rules.origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Content-Type", "Authorization", HEADER],
        expose_headers=[HEADER, "Retry-After"],
    )
    app.add_middleware(SecurityHeaders)
