"""Real registries on loopback, with and without logins: docker-registry, each with its own configuration."""

import base64
import hashlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from tests.ports import free_port
from tests.unchecked import not_checked

NAME = "pusher"
PASSWORD = "a-registry-password"
_HASH = "$2b$04$.GhQsqnIf1UYYE1vzQsKc.jKWu5iV3qyWB0JTlE6Rv6wgb4nCNrtW"
"""Of the password above; the registry takes bcrypt alone, which Python has not."""


@dataclass(frozen=True, slots=True)
class Served:
    """A registry that answers at `host`; `log` is what it says."""

    host: str
    log: Path


@contextmanager
def registry(folder: Path, auth: Mapping[str, object] | None = None) -> Iterator[Served]:
    """Run a registry while the block lasts; `auth` is that part of its configuration."""
    program = shutil.which("docker-registry")
    if program is None:
        not_checked("there is no docker-registry on this machine")
    folder.mkdir()
    host = f"127.0.0.1:{free_port()}"
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": host, "secret": "one-secret-of-the-test"},
    }
    if auth:
        settings["auth"] = auth
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        _wait(host, process, folder / "log")
        yield Served(host, folder / "log")
    finally:
        process.terminate()
        process.wait(20)


def basic(folder: Path) -> Mapping[str, object]:
    """Return the configuration of a registry that asks for a name and a password."""
    path = folder / "htpasswd"
    path.write_text(f"{NAME}:{_HASH}\n")
    return {"htpasswd": {"realm": "registry", "path": str(path)}}


@contextmanager
def bearer(folder: Path) -> Iterator[Mapping[str, object]]:
    """Run what gives tokens for a login; yield the configuration of a registry that asks for them."""
    folder.mkdir()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=tokens",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    class Tokens(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the server calls
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            wanted = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
            known = self.headers.get("Authorization") == f"Basic {wanted}"
            body = json.dumps(
                {"token": _token(asked, key, certificate)} if known else {"errors": []}
            ).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            "token": {
                "realm": f"http://127.0.0.1:{server.server_port}/token",
                "service": "the-registry",
                "issuer": "tokens",
                "rootcertbundle": str(certificate),
            }
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _token(asked: Mapping[str, str], key: Path, certificate: Path) -> str:
    """Sign a token for what was asked, as the registry checks it (distribution, spec/auth/jwt)."""
    kind, name, actions = asked["scope"].split(":")
    now = int(time.time())
    claims = {
        "iss": "tokens",
        "aud": asked["service"],
        "sub": NAME,
        "exp": now + 300,
        "nbf": now - 10,
        "iat": now,
        "jti": hashlib.sha256(str(now).encode()).hexdigest(),
        "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
    }
    lines = certificate.read_text().splitlines()
    header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(line for line in lines if "-----" not in line)]}
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    command = ["openssl", "dgst", "-sha256", "-sign", str(key)]
    signature = subprocess.run(command, input=signed.encode(), capture_output=True, check=True).stdout
    return f"{signed}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _wait(host: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(400):
        try:
            httpx.get(f"http://{host}/v2/", trust_env=False)
        except httpx.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.05)  # it says nothing until it answers
        else:
            return
    pytest.fail(f"the registry does not start: {log.read_text(errors='replace')[-500:]}")
