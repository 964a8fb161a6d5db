"""Runs the whole service in this process, with ports that tests choose."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from app.api.application import build_app
from app.api.services import Services
from app.inference.chat import ChatServer
from app.inference.embedder import Embedder
from app.inference.routing import ModelRouter
from app.main import assemble, following, rules_of
from app.settings import Settings
from app.stores.index.in_memory import InMemoryDocumentIndex
from app.stores.index.layout import restore_marker
from app.stores.index.port import DocumentIndex
from app.stores.memory.in_memory import InMemoryMemory
from app.stores.memory.port import Memory
from tests.app.doubles import Clock, ModelServer, WordEmbedder

ORIGIN = "http://localhost:5173"


@dataclass(frozen=True)
class Running:
    """A service that runs, and a client that speaks to it."""

    app: FastAPI
    client: httpx.AsyncClient
    services: Services
    data: Path

    async def add(self, title: str, text: str, **fields: object) -> httpx.Response:
        """Add a document; returns the answer."""
        return await self.client.post("/api/documents", json={"title": title, "text": text, **fields})

    async def ask(self, question: str, **fields: object) -> dict[str, Any]:
        """Ask a question that must be answered."""
        response = await self.client.post("/api/query", json={"question": question, **fields})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def begin_restore(self) -> None:
        """Lay the marker that a restore lays."""
        restore_marker(self.data).write_text("{}")

    def end_restore(self) -> None:
        """Take the marker away."""
        restore_marker(self.data).unlink()


@asynccontextmanager
async def served(
    data: Path,
    *,
    index: DocumentIndex | None = None,
    memory: Memory | None = None,
    embedder: Embedder | None = None,
    models: Sequence[ModelServer] = (),
    clock: Clock | None = None,
    **settings: object,
) -> AsyncIterator[tuple[FastAPI, Services]]:
    """Make the application over stores in memory, and keep what runs beside it running."""
    embedder, clock = embedder or WordEmbedder(), clock or Clock()
    chosen: dict[str, object] = {"cors_origins": (ORIGIN,), "allowed_hosts": ("synapse", "127.0.0.1")}
    given = Settings(data_dir=data, **(chosen | settings))
    async with httpx.AsyncClient(trust_env=False) as outside:
        services = assemble(
            given,
            index=index or InMemoryDocumentIndex(embedder.model),
            memory=memory or InMemoryMemory(),
            embedder=embedder,
            models=ModelRouter([ChatServer(server.mode, server.url, outside) for server in models]),
            clock=clock,
        )
        app = build_app(
            partial(following, services),
            rules_of(given, clock),
            max_document_bytes=given.max_document_bytes,
            page_dir=given.page_dir,
        )
        yield app, services


@asynccontextmanager
async def running(data: Path, **parts: object) -> AsyncIterator[Running]:
    """Run the service without a server between it and the client."""
    async with served(data, **parts) as (app, services):  # type: ignore[arg-type]  # as `served` takes them
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://synapse") as client,
        ):
            yield Running(app, client, services, data)
