"""The configuration itself: nginx and a linter take it, and nothing is where it would undo something."""

import json
import subprocess
import sys
from pathlib import Path

from app.api.limits import JSON_BYTES
from app.main import create_app
from app.settings import Settings
from tests.nginx.configuration import directives
from tests.nginx.front import CONFIGURATION

REASONS = {
    "host_spoofing": "the backend checks Host (421) and compares it with Origin, so it needs the port",
    "try_files_is_evil_too": "the system has the files in memory; a cache of ours would show old ones",
}
BYTES = {"k": 1024, "m": 1024**2}


def test_nginx_takes_it_as_it_is_shipped(program: Path) -> None:
    """Unchanged, with the ports and places of the container."""
    command = [str(program), "-t", "-c", str(CONFIGURATION / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Even a look lays what a start would.
    Path("/tmp/nginx.pid").unlink(missing_ok=True)
    for kind in KINDS:
        Path("/tmp", kind).rmdir()
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_the_linter_finds_only_what_has_a_reason() -> None:
    """And each reason is still needed."""
    command = [sys.executable, "-m", "gixy", "-f", "json", str(CONFIGURATION / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert {finding["plugin"] for finding in json.loads(done.stdout)} == set(REASONS)


def test_headers_are_set_in_one_place() -> None:
    """A block with an `add_header` or `proxy_set_header` of its own would drop all the others."""
    for name, file in {"add_header": "headers.conf", "proxy_set_header": "proxy.conf"}.items():
        found = [directive for directive in directives() if directive.name == name]
        assert found
        assert {(directive.file, directive.inside) for directive in found} == {(file, ("http",))}
    added = [directive for directive in directives() if directive.name == "add_header"]
    assert all(directive.arguments[-1] == "always" for directive in added)


def test_every_header_of_ours_is_taken_from_the_backend() -> None:
    """What is always added is always hidden first; what is added at need is asked for first."""
    added = {d.arguments[0]: d.arguments[1] for d in directives() if d.name == "add_header"}
    hidden = {d.arguments[0] for d in directives() if d.name == "proxy_hide_header"}
    asked = {d.arguments[0] for d in directives() if d.name == "map" and "$sent_http_" in d.arguments[0]}
    for name in set(added) - hidden:
        variable = "$sent_http_" + name.lower().replace("-", "_")
        assert any(variable in question for question in asked), name


def test_every_error_that_nginx_gives_is_a_problem() -> None:
    """Error pages are named once, at the top: a block with its own would drop them."""
    pages = [directive for directive in directives() if directive.name == "error_page"]
    named = {argument for directive in pages for argument in directive.arguments if argument.isdigit()}
    assert all(directive.inside == ("http",) for directive in pages)
    assert named >= {"400", "403", "404", "405", "413", "414", "494", "500", "502", "503", "504"}


def test_the_size_limits_are_a_little_above_those_of_the_backend() -> None:
    """So that the backend's own sentence is the usual one, and MAX_DOCUMENT_BYTES works as it is shipped."""
    limits = {d.inside: d.arguments[0] for d in directives() if d.name == "client_max_body_size"}
    sizes = {inside: int(text[:-1]) * BYTES[text[-1]] for inside, text in limits.items()}
    app = create_app(Settings())
    (uploads,) = [
        int(str(m.kwargs["upload_bytes"])) for m in app.user_middleware if "upload_bytes" in m.kwargs
    ]
    assert JSON_BYTES < sizes["http",] < JSON_BYTES * 1.1
    assert uploads < sizes["http", "server", "location"] < uploads * 1.1


def test_nothing_is_written_outside_tmp() -> None:
    """The container's root file system is read-only."""
    written = {
        d.name: d.arguments[0] for d in directives() if d.name == "pid" or d.name.endswith("_temp_path")
    }
    assert set(written) == {"pid", *(f"{kind}_temp_path" for kind in KINDS)}
    assert all(path.startswith("/tmp/") for path in written.values())
    logs = {d.arguments[0] for d in directives() if d.name in {"access_log", "error_log"}}
    assert logs == {"/dev/stdout", "stderr"}


KINDS = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
