"""Stands behind the session port of the Dagger SDK: answers by rules, and keeps all that it was asked.

Nothing is run: a job is seen to ask for the right things in the right order, with the real SDK between.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import graphql
from graphql import FieldNode, InlineFragmentNode, SelectionSetNode

from tests.dag.recording.answers import Answer, Fails, Hangs, Rule, Says, answer
from tests.dag.recording.graph import Call, Exec, Request, Value, exec_of, execs_of
from tests.dag.recording.schema import introspected

TOKEN = "the-token-of-the-session"
_LISTED = {"id", "sync", "start", "stop"}


class Recorder:
    """The requests of one session, unfolded, in the order in which they came."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self._rules = rules
        self._known: dict[str, Call] = {}
        self._count = count()
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def environ(self) -> dict[str, str]:
        """What lets the SDK find this session."""
        return {"DAGGER_SESSION_PORT": str(self.port), "DAGGER_SESSION_TOKEN": TOKEN}

    def calls(self) -> dict[str, Call]:
        """Return every call of every request, by its id."""
        return {key: call for request in self.requests for key, call in request.call.everything().items()}

    def forced(self) -> list[Request]:
        """Return the requests that make the engine do something."""
        return [request for request in self.requests if request.forces]

    def execs(self) -> list[Exec]:
        """Return each command that was asked for, done or not."""
        found = {run.call.id: run for request in self.requests for run in execs_of(request.call)}
        return list(found.values())

    def execs_done(self) -> list[Exec]:
        """Return each command that the engine had to run."""
        found = {run.call.id: run for request in self.forced() for run in execs_of(request.call)}
        return list(found.values())

    def services(self) -> list[Exec]:
        """Return each command that was described as a service, once."""
        return [exec_of(call) for call in self.calls().values() if call.field == "asService"]

    def asked_of(self, name: str) -> set[str]:
        """Return the ids of the objects that a field was asked of: `start`, `stop`."""
        asked = [request.call for request in self.requests if request.call.field == name]
        return {call.parent.id for call in asked if call.parent is not None}

    def taken(self, document: str) -> tuple[Answer, list[str], Request]:
        """Record a request; return its answer with the path in the data at which it stands."""
        parsed = graphql.parse(document).definitions[0]
        assert isinstance(parsed, graphql.OperationDefinitionNode)
        with self._lock:
            call, path = self._unfolded(parsed.selection_set)
            request = Request(call, next(self._count))
            self.requests.append(request)
        if call.field in _LISTED:
            told = answer(self._rules, call) if call.field != "id" else Says("")
            of = call.parent or call
            return (Says(of.id) if isinstance(told, Says) else told), path, request
        return answer(self._rules, call), path, request

    def answered(self, request: Request) -> None:
        """Note that a request got its answer."""
        with self._lock:
            request.answered = next(self._count)

    def wait_for_the_end(self) -> None:
        """Wait until the recorder is closed."""
        self._closing.wait()

    def close(self) -> None:
        """Let go whoever waits."""
        self._closing.set()

    def _unfolded(self, selected: SelectionSetNode) -> tuple[Call, list[str]]:
        call: Call | None = None
        path: list[str] = []
        inside: SelectionSetNode | None = selected
        while inside is not None:
            (node,) = inside.selections
            if isinstance(node, InlineFragmentNode):
                inside = node.selection_set
                continue
            assert isinstance(node, FieldNode)
            path.append(node.alias.value if node.alias else node.name.value)
            call = self._call(node, call)
            inside = node.selection_set
        assert call is not None
        return call, path

    def _call(self, node: FieldNode, parent: Call | None) -> Call:
        given = {
            argument.name.value: graphql.value_from_ast_untyped(argument.value) for argument in node.arguments
        }
        if node.name.value == "node":
            return self._known[given["id"]]
        told = json.dumps([node.name.value, given, parent.id if parent else None], sort_keys=True)
        key = f"{node.name.value}:{hashlib.sha256(told.encode()).hexdigest()}"
        if key not in self._known:
            arguments = {name: self._object(value) for name, value in given.items()}
            self._known[key] = Call(node.name.value, arguments, parent, key)
        return self._known[key]

    def _object(self, value: Value) -> Value:
        """Unfold an id into the call that it stands for."""
        if isinstance(value, list):
            return [self._object(one) for one in value]
        if isinstance(value, dict):
            return {name: self._object(one) for name, one in value.items()}
        return self._known.get(value, value) if isinstance(value, str) else value


@contextmanager
def recording(rules: Sequence[Rule] = ()) -> Iterator[Recorder]:
    """Run a recorder on a free port of loopback."""
    recorder = Recorder(rules)
    server = _Server(("127.0.0.1", 0), _handler(recorder))
    recorder.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        recorder.close()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # steps run side by side, and each asks for many objects at once
    block_on_close = True
    daemon_threads = False


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    expected = "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
            if self.headers["Authorization"] != expected:
                self._send(401, {"errors": [{"message": "wrong token"}]})
            elif "__schema" in document:
                self._send(200, {"data": introspected(document)})
            else:
                self._answer(document)

        def _answer(self, document: str) -> None:
            told, path, request = recorder.taken(document)
            if isinstance(told, Hangs):
                told.reached.set()
                recorder.wait_for_the_end()
            if isinstance(told, Says | Fails):
                recorder.answered(request)
                body = _data(path, told.value) if isinstance(told, Says) else _error(request.call, told)
                self._send(200, body)

        def _send(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            with suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the parent's
            """Keep quiet."""

    return Handler


def _data(path: Sequence[str], value: str | int | None) -> dict[str, object]:
    found: object = value
    for name in reversed(path):
        found = {name: found}
    return {"data": found}


def _error(call: Call, told: Fails) -> dict[str, object]:
    last = next((found for found in call.chain() if found.field == "withExec"), call)
    if told.code is None:
        return {"data": None, "errors": [{"message": told.stderr, "path": [], "locations": []}]}
    more = {"cmd": [*last.argv], "exitCode": told.code, "stdout": told.stdout, "stderr": told.stderr}
    message = f"process did not complete successfully: exit code: {told.code}"
    return {"data": None, "errors": [{"message": message, "extensions": {"_type": "EXEC_ERROR", **more}}]}
