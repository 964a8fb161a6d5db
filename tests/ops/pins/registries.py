"""A real registry on loopback, images in it, and a gate before it that wants a token as public ones do."""

import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.ending import ended
from tests.ports import free_port
from tests.unchecked import not_checked

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
_PROGRAM = "docker-registry"
_START_S = 30.0


@dataclass(frozen=True)
class Registry:
    """A registry: its address as it stands in an image's name."""

    address: str

    def push(self, name: str, tag: str, content: str) -> str:
        """Lay an image without layers into it, which differs by `content`; return its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "author": content}).encode()
        with httpx.Client(base_url=f"http://{self.address}/v2/{name}/", trust_env=False) as client:
            where = client.post("blobs/uploads/").raise_for_status().headers["Location"]
            blob = {"digest": _digest(config)}
            client.put(httpx.URL(where).copy_merge_params(blob), content=config).raise_for_status()
            manifest = json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": MANIFEST,
                    "config": {"mediaType": CONFIG, "size": len(config), **blob},
                    "layers": [],
                }
            ).encode()
            headers = {"Content-Type": MANIFEST}
            client.put(f"manifests/{tag}", content=manifest, headers=headers).raise_for_status()
        return _digest(manifest)


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run a registry that keeps its images in a folder."""
    program = shutil.which(_PROGRAM)
    if program is None:
        not_checked(f"no registry was asked: there is no {_PROGRAM}")
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
    with ended(process):
        transport = httpx.HTTPTransport(retries=8)  # it waits longer before each try
        with httpx.Client(transport=transport, trust_env=False, timeout=_START_S) as client:
            assert client.get(f"http://{address}/v2/").status_code == 200, (folder / "log").read_text()
        yield Registry(address)


class Gate(BaseHTTPRequestHandler):
    """Lets nobody through without the token that it gives to everybody."""

    behind: ClassVar[str]
    realm: ClassVar[str | None] = None
    hides_digest: ClassVar[bool] = False
    refuses: ClassVar[bool] = False
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Give a token, or what lies behind."""
        if self.path.startswith("/token?"):
            asked = parse_qs(urlsplit(self.path).query)
            self._send(200, {}, json.dumps({"token": f"for-{asked['scope'][0]}"}).encode())
        else:
            self._answer()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        here = f"http://{self.headers['Host']}/token"
        scope = f"repository:{self.path.split('/manifests/')[0].removeprefix('/v2/')}:pull"
        if self.refuses or self.headers["Authorization"] != f"Bearer for-{scope}":
            realm = self.realm or here
            wanted = f'Bearer realm="{realm}",service="gate",scope="{scope}"'
            self._send(401, {"WWW-Authenticate": wanted}, b"")
            return
        headers = {"Accept": self.headers["Accept"]}
        found = httpx.get(f"http://{self.behind}{self.path}", headers=headers, trust_env=False)
        kept = set() if self.hides_digest else {"docker-content-digest"} & set(found.headers)
        digest = {name: found.headers[name] for name in kept}
        self._send(found.status_code, digest, found.content)

    def _send(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def gated(behind: Registry, **settings: str | bool) -> Iterator[Registry]:
    """Put a gate before a registry; settings are those of `Gate`."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("OneGate", (Gate,), {"behind": behind.address, **settings})
    )
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield Registry(f"127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
