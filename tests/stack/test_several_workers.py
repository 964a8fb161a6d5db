"""Four workers of production through nginx: they agree whoever wrote, and one is replaced without a loss."""

import asyncio
import os
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.app.doubles import ModelServer
from tests.nginx.answers import Answer
from tests.ops.localstack.stacks import alive
from tests.stack.mixed import Mixed
from tests.stack.modelled import model, site, titles_of
from tests.stack.whole import Whole
from tests.stack.workers import (
    WORKERS,
    agreed,
    answered_by,
    clients_of,
    clients_of_nginx,
    of_each,
    takes_clients,
    told,
    workers,
)
from tests.waiting import wait_until

__all__ = ["model", "site"]

AT_ONCE = 10
READERS, WRITERS, LISTENERS = 120, 60, 60
CLIENTS = READERS + WRITERS + LISTENERS


def test_each_worker_sees_what_was_just_written(site: Whole) -> None:
    """Each of the four is asked after one write: it has the document, finds it, and neither when deleted."""
    assert len(workers(site.made)) == WORKERS
    asked = {"text": "It was agreed upon in Utrecht"}
    added = site.add("Agreed", "It was agreed upon in Utrecht.")
    assert agreed(site, f"/api/documents/{added}")["text"] == "It was agreed upon in Utrecht."
    assert agreed(site, "/api/search", asked)["hits"][0]["document_id"] == added
    with site.client() as client:
        client.delete(f"/api/documents/{added}").raise_for_status()
    agreed(site, f"/api/documents/{added}", status=404)
    assert added not in {hit["document_id"] for hit in agreed(site, "/api/search", asked)["hits"]}


def test_a_session_is_one_whoever_was_asked(site: Whole) -> None:
    """Every worker is asked a question in it; then every worker tells all of its turns, in one order."""
    site.add("Rye", "Rye grows on poor soil.")
    asked: list[str] = []

    def ask(mark: str) -> Answer:
        asked.append(f"Where does rye grow, as {mark} asks?")
        return told(site, mark, "POST", "/api/query", {"question": asked[-1], "session_id": "shared"})

    answers = of_each(site, ask)
    assert {answer.status for of_one in answers.values() for answer in of_one} == {200}
    turns = agreed(site, "/api/sessions/shared")["turns"]
    assert Counter(turn["question"] for turn in turns) == Counter(asked)
    (listed,) = [one for one in agreed(site, "/api/sessions")["sessions"] if one["id"] == "shared"]
    assert listed["turns"] == len(asked)


@dataclass
class Writer:
    """One of several that write at once: adds, deletes every second one, asks in a session of its own."""

    site: Whole
    name: str
    kept: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    marks: dict[str, list[str]] = field(default_factory=lambda: {"add": [], "delete": [], "ask": []})

    def write(self, leave: threading.Event) -> None:
        """Write until told to leave; what is acknowledged must be there for whoever is asked next."""
        while not leave.is_set():
            self._add(gone=False)
            self._add(gone=True)
            question = f"What did {self.name} add, the {len(self.asked)}th time?"
            self._sent("ask", "POST", "/api/query", {"question": question, "session_id": self.name}, 200)
            self.asked.append(question)

    def _add(self, *, gone: bool) -> None:
        word = f"w{secrets.token_hex(6)}"
        text = f"{self.name} has written {word}."
        added = self._sent("add", "POST", "/api/documents", {"title": word, "text": text}, 201).json()["id"]
        place = f"/api/documents/{added}"
        assert told(self.site, word, "GET", place).json()["text"] == text
        if gone:
            self._sent("delete", "DELETE", place, None, 204)
            assert told(self.site, word, "GET", place).status == 404
        (self.gone if gone else self.kept)[added] = text

    def _sent(self, kind: str, method: str, path: str, body: dict[str, object] | None, status: int) -> Answer:
        mark = secrets.token_hex(16)
        answer = told(self.site, mark, method, path, body)
        assert answer.status == status, answer.body
        self.marks[kind].append(mark)
        return answer


def test_workers_agree_after_many_wrote_at_once(site: Whole) -> None:
    """Adds, deletes and questions at the same time, each kind by each worker, while others read."""
    before = _documents(site)
    writers = [Writer(site, f"writer-{number}") for number in range(6)]
    leave = threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as clients:
        tasks = [clients.submit(writer.write, leave) for writer in writers]
        tasks += [clients.submit(_read, site, leave) for _ in range(AT_ONCE - len(writers))]
        try:
            wait_until(lambda: any(task.done() for task in tasks) or _all_wrote(writers), "each worker wrote")
        finally:
            leave.set()
        for task in tasks:
            task.result()
    kept = [added for writer in writers for added in writer.kept]
    assert sorted(_documents(site)) == sorted([*before, *kept])
    for writer in writers:
        _agree_on(site, writer)


def _read(site: Whole, leave: threading.Event) -> None:
    """Ask for the newest documents and search, until told to leave."""
    while not leave.is_set():
        for answer in (
            told(site, "reads", "GET", "/api/documents?order=newest"),
            told(site, "reads", "POST", "/api/search", {"text": "has written"}),
            told(site, "reads", "GET", "/api/sessions"),
        ):
            assert answer.status == 200, answer.body


def _all_wrote(writers: list[Writer]) -> bool:
    """Say whether each worker has taken each kind of write."""
    of_kind = [
        [mark for writer in writers for mark in writer.marks[kind]] for kind in ("add", "delete", "ask")
    ]
    return all(len(set(answered_by(writers[0].site.made, marks).values())) == WORKERS for marks in of_kind)


def _documents(site: Whole) -> list[str]:
    """Return the ids of all documents, page after page, each as all workers tell it."""
    found: list[str] = []
    cursor = ""
    while True:
        page = agreed(site, f"/api/documents?limit=100{cursor}")
        found += [one["id"] for one in page["documents"]]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def _agree_on(site: Whole, writer: Writer) -> None:
    """Every worker finds what it kept last and not what it took out last, and tells its session."""
    for found, written in ((True, writer.kept), (False, writer.gone)):
        added, text = list(written.items())[-1]
        hits = agreed(site, "/api/search", {"text": text})["hits"]
        assert (added in {hit["document_id"] for hit in hits}) == found, text
    turns = agreed(site, f"/api/sessions/{writer.name}")["turns"]
    assert [turn["question"] for turn in turns] == writer.asked[-len(turns) :]
    assert len(turns) == min(len(writer.asked), 100)


def test_a_worker_is_replaced_without_a_loss(
    site: Whole, model: ModelServer, figure: Callable[[str], None]
) -> None:
    """SIGTERM to one that has streams open, hundreds ask and add meanwhile: every answer is whole."""
    mixed, replaced = Mixed(site, site.add("Kept", "Kept under load.")), Replaced(workers(site.made))
    model.mode = "held"

    async def replace() -> None:
        try:
            await _end_one(site, replaced, mixed)
        finally:
            model.go_on.set()
        await mixed.reached(lambda: not alive([replaced.pid]), "it has ended")
        await mixed.reached(lambda: _successor_answers(site, mixed, replaced), "its successor answers")

    asyncio.run(mixed.during(replace))
    assert mixed.dropped == []
    assert replaced.connections >= CLIENTS
    assert replaced.before.keys() - workers(site.made).keys() == {replaced.number}
    assert replaced.streams <= mixed.heard.keys()
    own = [who for who in answered_by(site.made, replaced.streams).values() if who == replaced.number]
    assert own
    titles = Counter(titles_of(site))
    assert {title: titles[title] for title in mixed.added.values()} == dict.fromkeys(mixed.added.values(), 1)
    figure(
        f"a worker with {len(own)} open streams was replaced, {replaced.connections} clients connected:"
        f" {len(mixed.read)} documents were read, {len(mixed.added)} added, {len(mixed.heard)} streams heard"
    )


@dataclass
class Replaced:
    """The workers that there were, by number with their processes; which was told to end, with what open."""

    before: dict[int, int]
    number: int = 0
    streams: set[str] = field(default_factory=set)
    connections: int = 0

    @property
    def pid(self) -> int:
        """Its process on this machine."""
        return self.before[self.number]


async def _end_one(site: Whole, replaced: Replaced, mixed: Mixed) -> None:
    """Tell the worker with the most clients to end; return when the others have answered without it."""
    mixed.begin(listeners=LISTENERS)
    await mixed.reached(lambda: len(mixed.open) == LISTENERS, "every stream has begun")
    mixed.begin(readers=READERS, writers=WRITERS)
    await mixed.reached(lambda: len(mixed.read) > READERS and len(mixed.added) > WRITERS, "all are under way")
    await mixed.reached(lambda: clients_of_nginx(site.made) >= CLIENTS, "each of the hundreds is connected")
    replaced.number = max(replaced.before, key=lambda number: clients_of(replaced.before[number]))
    replaced.streams = set(mixed.open)
    replaced.connections = clients_of_nginx(site.made)
    os.kill(replaced.pid, signal.SIGTERM)
    await mixed.reached(lambda: not takes_clients(replaced.pid), "it takes no new clients")
    reads, adds = len(mixed.read) + READERS, len(mixed.added) + WRITERS
    await mixed.reached(lambda: len(mixed.read) >= reads and len(mixed.added) >= adds, "the others answer")
    assert alive([replaced.pid]), "its streams hold it"


def _successor_answers(site: Whole, mixed: Mixed, replaced: Replaced) -> bool:
    """Say whether a new worker is there in place of the one, and has answered each kind of request."""
    new = workers(site.made).keys() - replaced.before.keys()
    if len(new) != 1 or len(workers(site.made)) != WORKERS:
        return False
    kinds = [list(marks)[-200:] for marks in (mixed.read, mixed.added, mixed.heard)]
    return all(new <= set(answered_by(site.made, marks).values()) for marks in kinds)
