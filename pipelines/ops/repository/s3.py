"""An object store in an S3 bucket: each value is one object, put whole, create-only where asked."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import ClientError, IncompleteReadError
from botocore.exceptions import FlexibleChecksumError as WrongSumError

from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.repository import s3_locks
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.place import Lock, S3Place
from pipelines.ops.repository.s3_errors import UNCONDITIONAL, code_of, named, sentences
from pipelines.ops.repository.s3_patience import AnswerT, Asker, Patience
from pipelines.ops.repository.store import (
    AbsentError,
    KeyRefusedError,
    KeyTakenError,
    LockedError,
    Stored,
    TooLargeError,
    UnreadableError,
    check_key,
    check_prefix,
)

LANES = 16
"""Requests at once: each waits for the network, not for a core.

Memory: a lane holds a chunk of 4 MB as it is, packed and sealed, and `in_order` some chunks more, so 16 lanes
take 208 MB at the most, and the 90 MB of the process: copying from S3 to S3 anew, twice that, is under 512.
"""
GLANCES = 3 * LANES
"""Requests at once that carry nothing."""
_PROBE = "tmp/probe"
"""No key of a repository begins so; one name for all, so that whoever may not delete leaves one at most."""
_OBJECTS = ("objects/", "deltas/")
"""What a storage class is for: the chunks of files."""


class Client(Protocol):
    """What is used of boto3's client, which has no types."""

    def put_object(self, **request: object) -> dict[str, Any]:
        """Put an object."""

    def get_object(self, **request: object) -> dict[str, Any]:
        """Get an object, its `Body` to be read."""

    def head_object(self, **request: object) -> dict[str, Any]:
        """Look at an object."""

    def delete_object(self, **request: object) -> dict[str, Any]:
        """Delete an object."""

    def list_objects_v2(self, **request: object) -> dict[str, Any]:
        """List some objects."""

    def put_object_retention(self, **request: object) -> dict[str, Any]:
        """Lock an object for longer."""

    def get_object_lock_configuration(self, **request: object) -> dict[str, Any]:
        """Tell whether a bucket can lock."""


class S3Store:
    """Values as objects below the prefix; `client` is boto3's, whose requests are tried with `patience`.

    `now` is this machine's time, by which a lock ends.
    """

    near = False
    lanes = LANES
    glances = GLANCES

    def __init__(
        self,
        client: Client,
        place: S3Place,
        say: Callable[[str], None],
        patience: Patience,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.place = named(place)
        self._client = client
        self._where = place
        self._say = say
        self._asker = Asker(patience)
        self._now = now
        self._conditional = True
        self._bucket_seen = False
        self._root = f"{place.prefix}/" if place.prefix else ""
        self._locked: set[str] = set()

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value; see the port.

        Creating asks first whether the key is there, for a store that knows no conditions or ignores them.
        """
        check_key(key)
        if replace:
            self._put(key, data)
            return
        if self.size(key) is not None:
            raise self._taken(key)
        if self._conditional:
            self._create(key, data)
        else:
            self._put(key, data)

    def settle(self, keys: Iterable[str]) -> None:
        """See the port: S3 answers a put only when it is safe, so that only locks are looked at."""
        asked = [key for key in keys if check_key(key)]
        if self._where.lock is not None:
            left = (key for key in asked if s3_locks.locked(key) and key not in self._locked)
            for _ in in_order(partial(self._lock_longer, self._where.lock), left, self.lanes):
                pass

    def check_writable(self) -> None:
        """Put an object and delete it; see the port. Who may not delete leaves this one behind."""
        if self._where.lock is not None:
            self._check_locks()
        self._put(_PROBE, b"")
        with suppress(OpsError):
            self._delete(_PROBE)

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value; see the port. One that breaks off, or has not its sum, is asked for again."""
        check_key(key)
        with sentences(self._where, "read", key):
            try:
                return self._ask(lambda: self._read(key, limit))
            except WrongSumError as error:
                raise UnreadableError(
                    f"{key} in {self.place} has not the bytes that its checksum says.",
                    "Take what is missing from a copy of the repository.",
                ) from error

    def size(self, key: str) -> int | None:
        """Return the size of a value; see the port."""
        found = self._head(key)
        return None if found is None else int(found["ContentLength"])

    def written(self, key: str) -> float | None:
        """Return when an object was last modified; see the port."""
        found = self._head(key)
        return None if found is None else float(found["LastModified"].timestamp())

    def clock(self) -> float:
        """Return the time at which the store says that it answered; see the port."""
        with sentences(self._where, "ask the time of", "the store"):
            answer = self._ask(
                lambda: self._client.list_objects_v2(Bucket=self._where.bucket, Prefix=self._root, MaxKeys=1)
            )
        said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if said is None:
            raise UnreachableError(
                f"{self.place} does not say what time it is, which backup and prune need.",
                "Let what is before it pass the header Date of its answers on.",
            )
        return parsedate_to_datetime(said).timestamp()

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is stored below a folder; see the port. S3 lists in the order of the keys' bytes."""
        check_prefix(prefix)
        for page in self._pages(prefix):
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._root)
                with suppress(KeyRefusedError):
                    check_key(key)
                    yield Stored(key, found["Size"], found["LastModified"].timestamp())

    def delete(self, key: str) -> bool:
        """Remove a value; see the port. A bucket with versions only hides it behind a delete marker."""
        check_key(key)
        with suppress(AbsentError):
            return not self._delete(key).get("DeleteMarker", False)
        return True

    def _ask(self, request: Callable[[], AnswerT]) -> AnswerT:
        answer = self._asker.ask(request)
        self._bucket_seen = True
        return answer

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._where.bucket, "Key": self._root + key}

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield answers to a listing; one that fails is asked for again from where the last one ended."""
        more: dict[str, str] = {}
        while True:
            asked = {"Bucket": self._where.bucket, "Prefix": self._root + prefix, **more}
            with sentences(self._where, "list", prefix or "what is stored"):
                page = self._ask(lambda asked=asked: self._client.list_objects_v2(**asked))  # type: ignore[misc]  # of a lambda
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _put(self, key: str, data: bytes, **conditions: str) -> None:
        """Send a value with its sums, which the store compares with what arrived; it keeps the CRC-32."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        crc = zlib.crc32(data).to_bytes(4, "big")
        request = {
            **self._named(key),
            "Body": data,
            "ContentMD5": base64.b64encode(md5).decode(),
            "ChecksumCRC32": base64.b64encode(crc).decode(),
            **conditions,
            **s3_locks.on_put(self._where.lock, key, self._now()),
        }
        if self._where.storage_class and key.startswith(_OBJECTS):
            request["StorageClass"] = self._where.storage_class
        self._send(key, data, request)
        if self._where.lock is not None:
            self._locked.add(key)

    def _send(self, key: str, data: bytes, request: dict[str, Any]) -> None:
        sent = 0

        def send() -> dict[str, Any]:
            nonlocal sent
            sent += 1
            return self._client.put_object(**request)

        try:
            with sentences(self._where, "write", key):
                self._ask(send)
        except (KeyTakenError, LockedError):
            # The answer to an earlier try may have been lost: then what is there is ours.
            if sent == 1 or not self._holds(key, data):
                raise

    def _holds(self, key: str, data: bytes) -> bool:
        with suppress(AbsentError, TooLargeError):
            return self.get(key, limit=len(data)) == data
        return False

    def _head(self, key: str) -> dict[str, Any] | None:
        check_key(key)
        try:
            with sentences(self._where, "look at", key):
                return self._ask(lambda: self._client.head_object(**self._named(key)))
        except AbsentError:
            self._look_at_bucket()
            return None

    def _delete(self, key: str) -> dict[str, Any]:
        with sentences(self._where, "delete", key):
            return self._ask(lambda: self._client.delete_object(**self._named(key)))

    def _create(self, key: str, data: bytes) -> None:
        try:
            self._put(key, data, IfNoneMatch="*")
        except OpsError as error:
            if _code(error) not in UNCONDITIONAL:
                raise
            self._without_conditions(key, data)

    def _without_conditions(self, key: str, data: bytes) -> None:
        if self._conditional:
            self._conditional = False
            self._say(
                f"{self.place} knows no conditional puts: two machines that make one repository there at the"
                " same moment may overwrite each other's config. Everything else is safe."
            )
        self._put(key, data)

    def _taken(self, key: str) -> KeyTakenError:
        return KeyTakenError(f"{key} is already in {self.place}.", "It is left as it was.")

    def _read(self, key: str, limit: int) -> bytes:
        answer = self._client.get_object(**self._named(key))
        with closing(answer["Body"]) as body:
            size = answer["ContentLength"]
            if size > limit:
                raise TooLargeError(
                    f"{key} in {self.place} has {size} bytes, more than the {limit} that it may have.",
                    "It was not written by a backup: move it away.",
                )
            data: bytes = body.read()
        if len(data) != size:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=size)
        return data

    def _lock_longer(self, lock: Lock, key: str) -> None:
        wanted = s3_locks.extended(lock, self._head(key) or {}, self._now())
        if wanted is not None:
            with sentences(self._where, "lock", key):
                self._ask(lambda: self._client.put_object_retention(**self._named(key), Retention=wanted))
        self._locked.add(key)

    def _check_locks(self) -> None:
        """Raise UsageError when the bucket locks nothing; who may not ask is told by the first put."""
        with suppress(UnreachableError), sentences(self._where, "lock", "anything"):
            self._ask(lambda: self._client.get_object_lock_configuration(Bucket=self._where.bucket))

    def _look_at_bucket(self) -> None:
        """Tell a missing bucket from a missing key, once: an answer to HEAD says only that something is."""
        if self._bucket_seen:
            return
        next(self.list("points/"), None)


def _code(error: OpsError) -> str:
    """Return the store's code."""
    return code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
