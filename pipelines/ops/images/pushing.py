"""A layout to a registry: blobs first, then what names them, by digest, and the tags last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from pipelines.ops.errors import DamagedError, RefusedError
from pipelines.ops.images.documents import INDEXES, MANIFESTS, Descriptor, Index, Manifest, digest_of, parse
from pipelines.ops.images.layout import root_of
from pipelines.ops.images.reading import blob_name, read_checked
from pipelines.ops.images.reference import Reference
from pipelines.ops.images.registry import PassingError, Registry, refused
from pipelines.ops.images.source import FolderSource
from pipelines.ops.images.unpacking import CHUNK
from pipelines.ops.reporting import Advance, Reporter

Result = TypeVar("Result")
_ACCEPTED = sorted(INDEXES | MANIFESTS)
_WAITS_S = (1.0, 4.0, 15.0)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is in the registry now; `sent` and `there` count blobs."""

    reference: Reference
    digest: str
    sent: int
    there: int


@dataclass(frozen=True, slots=True)
class Push:
    """One push. `sleep` waits between tries, in seconds; `move` lets a tag of another image go over.

    `free` are tags that are only looked at: no other image may have one. `expected` is the digest that the
    layout must have.
    """

    layout: Path
    reference: Reference
    registry: Registry
    reporter: Reporter
    sleep: Callable[[float], None]
    move: bool = False
    free: tuple[str, ...] = ()
    expected: str | None = None

    def run(self) -> Pushed:
        """Push everything, and read the digest back. Raises OpsError; what was sent is not sent again."""
        root = root_of(self.layout)
        if self.expected not in (None, root.digest):
            raise RefusedError(
                f"{self.layout} is {root.digest}, and not the expected {self.expected}.",
                "Nothing was sent. Push the layout that was tested.",
            )
        self._refuse_taken_tags(root)
        sent = there = 0
        manifests = tuple(self._manifests(root))
        for blob in self._blobs(manifests):
            if self._try(partial(self._send_blob, blob)):
                sent += 1
            else:
                there += 1
        for manifest in manifests:
            self._try(partial(self._put, manifest, manifest.digest))
        for tag in self.reference.tags:
            self._try(partial(self._put, root, tag))
        for name in (root.digest, *self.reference.tags):
            self._read_back(root, name)
        return Pushed(self.reference, root.digest, sent, there)

    def _try(self, work: Callable[[], Result]) -> Result:
        """Do what may be done twice, again after a while when nothing answers."""
        for wait in _WAITS_S:
            try:
                return work()
            except PassingError:
                self.sleep(wait)
        return work()

    def _manifests(self, root: Descriptor) -> Iterator[Descriptor]:
        """Yield the manifests, and the index last that names them."""
        source = FolderSource(self.layout)
        if root.media_type in INDEXES:
            yield from parse(Index, read_checked(source, root), root.digest).manifests
        yield root

    def _blobs(self, manifests: tuple[Descriptor, ...]) -> Iterator[Descriptor]:
        source = FolderSource(self.layout)
        seen: set[str] = set()
        for one in manifests:
            if one.media_type in INDEXES:
                continue
            manifest = parse(Manifest, read_checked(source, one), one.digest)
            for blob in (*manifest.layers, manifest.config):
                if blob.digest not in seen:
                    seen.add(blob.digest)
                    yield blob

    def _send_blob(self, blob: Descriptor) -> bool:
        """Send a blob that the registry does not have; return whether it was sent."""
        url = self.registry.url(f"blobs/{blob.digest}")
        if self.registry.ask("HEAD", url).status_code == httpx.codes.OK:
            return False
        began = self.registry.ask(
            "POST", self.registry.url("blobs/uploads/"), headers={"Content-Length": "0"}
        )
        if began.status_code != httpx.codes.ACCEPTED or "Location" not in began.headers:
            raise refused(self.reference.host, f"an upload to {self.reference}", began)
        place = self.registry.elsewhere(began.headers["Location"]).copy_merge_params({"digest": blob.digest})
        headers = {"Content-Length": str(blob.size), "Content-Type": "application/octet-stream"}
        with self.reporter.step(f"Push {blob.digest[:19]}", total=blob.size) as advance:
            answer = self.registry.ask(
                "PUT", place, headers=headers, body=lambda: self._content(blob, advance)
            )
        if answer.status_code != httpx.codes.CREATED:
            raise refused(self.reference.host, f"the blob {blob.digest}", answer)
        return True

    def _content(self, blob: Descriptor, advance: Advance) -> Iterator[bytes]:
        path = self.layout / blob_name(blob.digest)
        with FolderSource(self.layout).open(blob_name(blob.digest)) as file:
            if path.stat().st_size != blob.size:
                raise DamagedError(f"The blob {blob.digest} is cut.", "Write the layout again.")
            while chunk := file.read(CHUNK):
                advance(len(chunk))
                yield chunk

    def _put(self, descriptor: Descriptor, name: str) -> None:
        content = read_checked(FolderSource(self.layout), descriptor)
        headers = {"Content-Type": descriptor.media_type, "Content-Length": str(len(content))}
        url = self.registry.url(f"manifests/{name}")
        answer = self.registry.ask("PUT", url, headers=headers, body=lambda: iter((content,)))
        if answer.status_code != httpx.codes.CREATED:
            raise refused(self.reference.host, f"the manifest {descriptor.digest} as {name}", answer)

    def _read_back(self, root: Descriptor, name: str) -> None:
        """Ask for what was pushed. Raises DamagedError when it is not that."""
        answer = self._manifest_at(name)
        if not answer.is_success or digest_of(answer.content) != root.digest:
            raise DamagedError(
                f"{self.reference} gives another manifest for {name} than was pushed.",
                "Do not use it; look whether a proxy or somebody else writes there, and push again.",
            )

    def _refuse_taken_tags(self, root: Descriptor) -> None:
        for tag in (*self.free, *(() if self.move else self.reference.tags)):
            answer = self._try(partial(self._manifest_at, tag))
            if answer.is_success and digest_of(answer.content) != root.digest:
                raise RefusedError(
                    f"{self.reference}:{tag} is taken by another image, {digest_of(answer.content)}.",
                    "Choose another tag, or let this one go over with --move.",
                )

    def _manifest_at(self, name: str) -> httpx.Response:
        return self.registry.ask(
            "GET", self.registry.url(f"manifests/{name}"), headers={"Accept": ", ".join(_ACCEPTED)}
        )
