"""What the routes are given: the use cases and ports of one running service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.answering.answer import Answering
from app.answering.errors import RestoringError
from app.answering.events import Events
from app.answering.follower import Follower
from app.answering.health import Health
from app.answering.ingest import Ingest
from app.answering.search import Search
from app.answering.threads import Threads
from app.stores.index.port import DocumentIndex
from app.stores.memory.port import Memory


@dataclass(frozen=True, slots=True)
class Services:
    """Made when the service starts, closed when it stops."""

    collection: str
    index: DocumentIndex
    memory: Memory
    threads: Threads
    ingest: Ingest
    search: Search
    answering: Answering
    health: Health
    events: Events
    follower: Follower
    restoring: Callable[[], bool]
    clock: Callable[[], datetime]


def _services(connection: HTTPConnection) -> Services:
    services = connection.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the service has not been started: its lifespan did not run")
    return services


Given = Annotated[Services, Depends(_services)]
"""Parameter type of a route that needs the services."""


def _writable(services: Given) -> None:
    if services.restoring():
        raise RestoringError(
            "A restore is under way, so nothing can be written now.", "Try again when it is done."
        )


Writable = Depends(_writable)
"""Dependency of each route that changes something: refuses while a restore is under way."""
