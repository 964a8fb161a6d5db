"""Composition root: settings in, stores and use cases opened and closed with the application, app out."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import anyio
import anyio.to_thread
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.answering.answer import Answering
from app.answering.events import Events
from app.answering.follower import Follower
from app.answering.health import Dependency, Health
from app.answering.ingest import Ingest
from app.answering.recall import Recall
from app.answering.search import Search
from app.answering.threads import Threads
from app.answering.writer import Writer
from app.api.application import build_app
from app.api.credentials import Credentials
from app.api.guard import Rules
from app.api.logs import configure_logs
from app.api.services import Services
from app.errors import SynapseError
from app.inference.chat import ChatServer
from app.inference.embedded import WordLlamaEmbedder
from app.inference.embedder import Embedder
from app.inference.remote import RemoteEmbedder
from app.inference.routing import ModelRouter
from app.settings import Settings
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import restore_marker
from app.stores.index.port import DocumentIndex
from app.stores.memory.address import RedisAddress
from app.stores.memory.port import Memory
from app.stores.memory.redis import RedisMemory

_TOKEN_LENGTH = 16


def factory() -> FastAPI:
    """Make the application from the environment, for `uvicorn app.main:factory --factory`."""
    try:
        settings = Settings.load(os.environ)
        configure_logs(settings.log_level)
        return create_app(settings)
    except SynapseError as error:
        raise SystemExit(str(error)) from None


def create_app(settings: Settings) -> FastAPI:
    """Make the application; stores are opened when it starts and closed when it stops.

    Raises SynapseError when it would be open to everybody in production, or when PAGE_DIR holds no page.
    """
    return build_app(
        partial(_open_services, settings),
        rules_of(settings, partial(datetime.now, UTC)),
        max_document_bytes=settings.max_document_bytes,
        page_dir=settings.page_dir,
        shared_metrics=settings.prometheus_multiproc_dir,
    )


def rules_of(settings: Settings, clock: Callable[[], datetime]) -> Rules:
    """Say who may come in. Raises SynapseError in production when nobody would have to show anything."""
    token = _revealed(settings.api_token) or ""
    if settings.environment == "production" and len(token) < _TOKEN_LENGTH:
        raise SynapseError(
            f"API_TOKEN is {'too short' if token else 'not set'}, and ENVIRONMENT is production.",
            f"Set API_TOKEN or API_TOKEN_FILE to {_TOKEN_LENGTH} random characters or more"
            " (`openssl rand -hex 32` makes them).",
        )
    return Rules(Credentials(token or None, clock), settings.hosts, settings.cors_origins)


def assemble(
    settings: Settings,
    *,
    index: DocumentIndex,
    memory: Memory,
    embedder: Embedder,
    models: ModelRouter,
    clock: Callable[[], datetime],
) -> Services:
    """Make the use cases from open ports."""
    threads = Threads()
    restoring = restore_marker(settings.data_dir).exists
    search = Search(index, embedder, threads)
    events = Events()
    health = _health(index, memory, embedder, models, restoring=restoring, clock=clock)
    return Services(
        collection=settings.collection,
        index=index,
        memory=memory,
        threads=threads,
        ingest=Ingest(index, embedder, threads, max_document_bytes=settings.max_document_bytes),
        search=search,
        answering=Answering(
            index,
            search,
            Writer(models),
            threads,
            new_recall=partial(Recall, memory, restoring=restoring),
            clock=clock,
            cache_seconds=settings.answer_cache_seconds,
        ),
        health=health,
        events=events,
        follower=Follower(index, health, events, threads, restoring=restoring, clock=clock),
        restoring=restoring,
        clock=clock,
    )


@asynccontextmanager
async def following(services: Services) -> AsyncIterator[Services]:
    """Run what goes on beside requests, for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(services.follower.run)
        yield services
        tasks.cancel_scope.cancel()


def _health(
    index: DocumentIndex,
    memory: Memory,
    embedder: Embedder,
    models: ModelRouter,
    *,
    restoring: Callable[[], bool],
    clock: Callable[[], datetime],
) -> Health:
    dependencies = [
        Dependency("redis", memory.ping, vital=True),
        # A thread of its own, so that a pool full of work does not look like a failure.
        Dependency("embedder", partial(Threads(1).glance, embedder.check), vital=True),
        *(Dependency(server.name, server.check, vital=False) for server in models.servers),
    ]
    describe = partial(Threads(1).glance, index.describe)
    return Health(dependencies, describe, restoring=restoring, clock=clock)


@asynccontextmanager
async def _open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open everything, the last opened closed first. Raises SynapseError when it cannot be opened."""
    async with AsyncExitStack() as opened:
        embedder = _embedder(settings)
        opened.callback(embedder.close)
        model = await anyio.to_thread.run_sync(lambda: embedder.model)
        index = await anyio.to_thread.run_sync(
            FaissDocumentIndex.open, settings.data_dir, settings.collection, model
        )
        opened.push_async_callback(anyio.to_thread.run_sync, index.close)
        memory = RedisMemory(
            _redis_address(settings), max_turns=settings.max_turns, max_sessions=settings.max_sessions
        )
        opened.push_async_callback(memory.close)
        client = await opened.enter_async_context(httpx.AsyncClient(trust_env=False))
        services = assemble(
            settings,
            index=index,
            memory=memory,
            embedder=embedder,
            models=_models(settings, client),
            clock=partial(datetime.now, UTC),
        )
        yield await opened.enter_async_context(following(services))


def _embedder(settings: Settings) -> Embedder:
    if settings.embedding_url is None:
        return WordLlamaEmbedder()
    name = settings.embedding_model or "default"
    return RemoteEmbedder(settings.embedding_url, name, _revealed(settings.embedding_api_key))


def _models(settings: Settings, client: httpx.AsyncClient) -> ModelRouter:
    key = _revealed(settings.model_api_key)
    return ModelRouter(
        [ChatServer(name, url, client, key) for name, url in sorted(settings.model_urls.items())]
    )


def _redis_address(settings: Settings) -> RedisAddress:
    return RedisAddress(
        host=settings.redis_host,
        port=settings.redis_port,
        username=settings.redis_username,
        password=_revealed(settings.redis_password),
        tls=settings.redis_tls,
        tls_ca=settings.redis_tls_ca,
        db=settings.redis_db,
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
