"""The workers of the backend: which of them answered a request, and what each of them says."""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.nginx.answers import Answer, ask
from tests.processes import children
from tests.stack.deployment import Deployment
from tests.stack.whole import Whole
from tests.waiting import wait_until

WORKERS = 4
_AT_ONCE = 24
_BACKEND_PORT, _NGINX_PORT = 8000, 8080
_ESTABLISHED = "01"


def workers(made: Deployment) -> dict[int, int]:
    """Return the process of each worker on this machine, by the number that it has in its container."""
    found = {}
    for pid in children(made.pids("synapse_backend")[0]):
        with suppress(FileNotFoundError):  # it has just ended
            found[_number_inside(pid)] = pid
    return found


def answered_by(made: Deployment, marks: Collection[str]) -> dict[str, int]:
    """Return the number in the container of who answered each request, by its X-Request-ID.

    The log tells it, a moment after the answer was read.
    """
    found: dict[str, int] = {}

    def all_told() -> bool:
        lines = made.compose("logs", "--no-color", "--no-log-prefix", "backend").stdout.splitlines()
        told = [json.loads(line) for line in lines if '"event": "request"' in line]
        found.update({line["request_id"]: line["process"] for line in told})
        return found.keys() >= set(marks)

    wait_until(all_told, "the log tells of every request")
    return {mark: found[mark] for mark in marks}


def of_each(site: Whole, asked: Callable[[str], Answer]) -> dict[int, list[Answer]]:
    """Ask on new connections, many at once, until every worker has answered; return what each of them said.

    `asked` is given the id to send as X-Request-ID.
    """
    wanted = workers(site.made).keys()
    said: dict[int, list[Answer]] = defaultdict(list)

    def every_one() -> bool:
        marks = [secrets.token_hex(16) for _ in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as clients:
            answers = dict(zip(marks, clients.map(asked, marks), strict=True))
        for mark, process in answered_by(site.made, marks).items():
            said[process].append(answers[mark])
        return said.keys() >= wanted

    wait_until(every_one, f"each of {len(wanted)} workers has answered")
    assert said.keys() == wanted, "none was replaced meanwhile"
    return said


def agreed(site: Whole, path: str, body: Mapping[str, object] | None = None, status: int = 200) -> Any:
    """Return what all workers say alike; `body` is posted, without one it is asked for."""
    said = of_each(site, lambda mark: told(site, mark, "POST" if body else "GET", path, body))
    answers = [answer for of_one in said.values() for answer in of_one]
    assert len(said) == WORKERS
    assert {answer.status for answer in answers} == {status}, path
    for answer in answers:
        if status == 200:
            assert answer.json() == answers[0].json(), (path, answer.json(), answers[0].json())
    return answers[0].json()


def told(site: Whole, mark: str, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
    """Ask through nginx on a connection of its own, with `mark` as the id of the request."""
    headers = {**site.headers, "X-Request-ID": mark, "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    return ask(site.made.ports["SYNAPSE_PORT"], path, method, sent, headers)


def clients_of(worker: int) -> int:
    """Return how many connections of clients a worker has open; `worker` is its process on this machine."""
    return sum(state == _ESTABLISHED for state in _sockets(worker))


def takes_clients(worker: int) -> bool:
    """Say whether a worker still holds the socket on which clients connect."""
    return any(state != _ESTABLISHED for state in _sockets(worker))


def clients_of_nginx(made: Deployment) -> int:
    """Return how many connections of clients nginx has open."""
    rows = _connections(made.init("synapse_frontend"), _NGINX_PORT)
    return sum(state == _ESTABLISHED for state, _ in rows)


def _sockets(worker: int) -> list[str]:
    """Return the state of each socket of the service's port that a process holds."""
    held = set()
    for handle in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(str(handle.readlink()))
    rows = _connections(worker, _BACKEND_PORT)
    return [state for state, socket in rows if f"socket:[{socket}]" in held]


def _connections(process: int, port: int) -> list[tuple[str, str]]:
    """Return state and number of each socket at a port, of all that share the network of a process."""
    lines = Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [(row[3], row[9]) for row in rows if int(row[1].rpartition(":")[2], 16) == port]


def _number_inside(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (numbers,) = [line for line in lines if line.startswith("NSpid:")]
    return int(numbers.split()[-1])
