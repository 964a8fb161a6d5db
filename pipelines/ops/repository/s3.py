"""An object store in an S3 bucket: each value is one object, put whole, create-only where asked."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError
from botocore.exceptions import FlexibleChecksumError as WrongSumError

from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.repository.place import S3Place
from pipelines.ops.repository.s3_errors import BUSY, TAKEN, UNCONDITIONAL, code_of, named, sentences
from pipelines.ops.repository.store import (
    AbsentError,
    KeyRefusedError,
    KeyTakenError,
    Stored,
    TooLargeError,
    UnreadableError,
    check_key,
    check_prefix,
)

_PROBE = "tmp/probe"
"""No key of a repository begins so; one name for all, so that whoever may not delete leaves one at most."""
_CUT = (IncompleteReadError, ResponseStreamingError, HTTPClientError)


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

    def get_paginator(self, operation_name: str) -> Any:  # noqa: ANN401  # as it is there
        """Give what lists page after page."""


class S3Store:
    """Values as objects below the prefix; `client` is boto3's, which retries what it can.

    `tries` bounds what botocore does not retry: a body that breaks off, and a race of creators.
    """

    near = False

    def __init__(self, client: Client, place: S3Place, say: Callable[[str], None], *, tries: int) -> None:
        self.place = named(place)
        self._client = client
        self._where = place
        self._say = say
        self._tries = tries
        self._conditional = True
        self._bucket_seen = False
        self._root = f"{place.prefix}/" if place.prefix else ""

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
        """Do nothing: S3 answers a put only when it is safe."""
        for key in keys:
            check_key(key)

    def check_writable(self) -> None:
        """Put an object and delete it; see the port. Who may not delete leaves this one behind."""
        self._put(_PROBE, b"")
        with suppress(OpsError):
            self._delete(_PROBE)

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value; see the port. One that breaks off, or has not its sum, is asked for again."""
        check_key(key)
        with sentences(self._where, "read", key):
            for left in reversed(range(self._tries)):
                try:
                    return self._read(key, limit)
                except WrongSumError as error:
                    if not left:
                        raise UnreadableError(
                            f"{key} in {self.place} has not the bytes that its checksum says.",
                            "Take what is missing from a copy of the repository.",
                        ) from error
                except _CUT:
                    if not left:
                        raise
        raise AssertionError("unreachable")

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
            answer = self._client.list_objects_v2(Bucket=self._where.bucket, Prefix=self._root, MaxKeys=1)
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
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._where.bucket, Prefix=self._root + prefix
        )
        with sentences(self._where, "list", prefix or "what is stored"):
            for page in pages:
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

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._where.bucket, "Key": self._root + key}

    def _put(self, key: str, data: bytes, **conditions: str) -> None:
        """Send a value with its sums, which the store compares with what arrived; it keeps the CRC-32."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        crc = zlib.crc32(data).to_bytes(4, "big")
        with sentences(self._where, "write", key):
            self._client.put_object(
                **self._named(key),
                Body=data,
                ContentMD5=base64.b64encode(md5).decode(),
                ChecksumCRC32=base64.b64encode(crc).decode(),
                **conditions,
            )

    def _head(self, key: str) -> dict[str, Any] | None:
        check_key(key)
        try:
            with sentences(self._where, "look at", key):
                return self._client.head_object(**self._named(key))
        except AbsentError:
            self._look_at_bucket()
            return None

    def _delete(self, key: str) -> dict[str, Any]:
        with sentences(self._where, "delete", key):
            return self._client.delete_object(**self._named(key))

    def _create(self, key: str, data: bytes) -> None:
        for _ in range(self._tries):
            try:
                self._put(key, data, IfNoneMatch="*")
            except OpsError as error:
                code, retried = _answer(error)
                if code in UNCONDITIONAL:
                    self._without_conditions(key, data)
                elif code in BUSY:
                    continue
                # The answer to an earlier try may have been lost: then what is there is ours.
                elif code not in TAKEN or not retried or self.get(key, limit=len(data)) != data:
                    raise
            return
        raise UnreachableError(
            f"Cannot write {key} in {self.place}: others write it at the same moment.",
            "Run the command again.",
        )

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

    def _look_at_bucket(self) -> None:
        """Tell a missing bucket from a missing key, once: an answer to HEAD says only that something is."""
        if self._bucket_seen:
            return
        next(self.list("points/"), None)
        self._bucket_seen = True


def _answer(error: OpsError) -> tuple[str, bool]:
    """Return the store's code, and whether the request had been sent more than once."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return "", False
    return code_of(cause), bool(cause.response.get("ResponseMetadata", {}).get("RetryAttempts"))
