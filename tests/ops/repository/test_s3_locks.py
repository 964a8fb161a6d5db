"""Object lock and storage class on a real S3 server, and what a locked object is to a prune."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipelines.ops.errors import UsageError
from pipelines.ops.repository.store import LockedError
from tests.ops.repository.keeping import Kept, keys
from tests.ops.repository.test_prune_s3 import AGED_S
from tests.s3.between import between
from tests.s3.versitygw import BUCKET, S3Server, s3_server, store_of

LOCKED = "locked"
PLACE = {"SYNAPSE_REPOSITORY": f"s3://{LOCKED}/here", "SYNAPSE_S3_OBJECT_LOCK_DAYS": "5"}


def client_of(server: S3Server) -> Any:  # boto3 has no types
    """Return a client of the server."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def versions(request: pytest.FixtureRequest) -> bool:
    """Tell whether the bucket keeps versions, as Amazon's must to lock; this server's need not."""
    return bool(request.param)


@pytest.fixture
def server(tmp_path: Path, versions: bool) -> Iterator[S3Server]:
    """Run a server with a bucket that can lock."""
    with s3_server(tmp_path / "s3", versions=versions) as running:
        client_of(running).create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
        yield running


def locks(server: S3Server) -> dict[str, tuple[str | None, datetime | None]]:
    """Return for each key how, and until when, it is locked."""
    client = client_of(server)
    found = {}
    for one in client.list_objects_v2(Bucket=LOCKED)["Contents"]:
        head = client.head_object(Bucket=LOCKED, Key=one["Key"])
        name = one["Key"].removeprefix("here/")
        found[name] = (head.get("ObjectLockMode"), head.get("ObjectLockRetainUntilDate"))
    return found


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_everything_of_a_point_is_locked(server: S3Server, mode: str) -> None:
    """Config, objects and manifest, for the days that are asked for at least."""
    began = datetime.now(UTC)
    kept = Kept()
    kept.use(store_of(server.environ() | PLACE | {"SYNAPSE_S3_OBJECT_LOCK_MODE": mode}))
    kept.repository.check_writable()
    kept.backup(b"one", b"two")
    found = locks(server)
    assert len(found) == 4
    for one, until in found.values():
        assert one == mode
        assert until is not None
        assert timedelta(days=5) <= until - began.replace(microsecond=0) <= timedelta(days=6, minutes=1)
    kept.check()


def test_what_is_used_again_is_locked_for_longer(server: S3Server) -> None:
    """An object of an older backup, whose lock would end before; a stricter one stays as strict."""
    place = server.environ() | PLACE
    for number, (days, mode) in enumerate([("1", "COMPLIANCE"), ("5", "GOVERNANCE")]):
        kept = Kept()
        more = {"SYNAPSE_S3_OBJECT_LOCK_DAYS": days, "SYNAPSE_S3_OBJECT_LOCK_MODE": mode}
        kept.use(store_of(place | more))
        kept.clock.wait(number)
        kept.backup(b"both", f"only {days}".encode())
    found = locks(server)
    soon = datetime.now(UTC) + timedelta(days=4)
    (both,), (old,), (new,) = keys(b"both"), keys(b"only 1"), keys(b"only 5")
    assert found[both][0] == "COMPLIANCE"
    assert found[both][1] > soon  # type: ignore[operator]  # there is a lock
    assert found[old][1] < soon  # type: ignore[operator]  # as before
    assert found[new][0] == "GOVERNANCE"


def test_a_prune_goes_on_past_a_locked_object(server: S3Server, versions: bool) -> None:
    """Where the store does not let it be deleted that is said, else it is hidden; the rest is deleted."""
    kept = Kept()
    kept.use(store_of(server.environ() | PLACE | {"SYNAPSE_S3_OBJECT_LOCK_DAYS": ""}))
    old = kept.backup(b"locked", b"free")
    kept.backup(b"new")
    (key,) = keys(b"locked")
    until = datetime.now(UTC) + timedelta(days=3)
    client_of(server).put_object_retention(
        Bucket=LOCKED, Key=f"here/{key}", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
    )
    _age(server)
    kept.repository.forget(old)
    assert kept.repository.prune().condemned.objects == 2
    _age(server)
    report = kept.repository.prune()
    if versions:
        assert (report.deleted.objects, report.locked.objects, report.hidden) == (2, 0, True)
        assert kept.objects() == keys(b"new")
    else:
        assert (report.deleted.objects, report.locked.objects, report.hidden) == (1, 1, False)
        assert kept.objects() == keys(b"new", b"locked")
        assert report.condemned.objects == 1
    kept.check()


@pytest.mark.parametrize("versions", [False], indirect=True)
def test_a_locked_manifest_is_not_forgotten(server: S3Server) -> None:
    """It is said that the lock must end first; the point is as good as before."""
    kept = Kept()
    kept.use(store_of(server.environ() | PLACE))
    ref = kept.backup(b"one")
    with pytest.raises(LockedError, match="has it locked") as caught:
        kept.repository.forget(ref)
    assert "until its lock is over" in caught.value.hint
    kept.check()


@pytest.mark.parametrize("versions", [False], indirect=True)
def test_a_bucket_that_locks_nothing_is_a_setting(server: S3Server) -> None:
    """It is said before anything is saved, and by a put as well."""
    store = store_of(server.environ("unlocked") | {"SYNAPSE_S3_OBJECT_LOCK_DAYS": "5"})
    for work in (store.check_writable, lambda: store.put("config", b"")):
        with pytest.raises(UsageError, match=f"bucket {BUCKET} locks nothing") as caught:
            work()
        assert "SYNAPSE_S3_OBJECT_LOCK_DAYS" in caught.value.hint


@pytest.mark.parametrize("versions", [False], indirect=True)
def test_a_storage_class_is_for_objects_alone(server: S3Server) -> None:
    """What is small and often read stays where it can be read for nothing."""
    seen: dict[str, str | None] = {}

    def see(method: str, path: str, headers: dict[str, str]) -> None:
        if method == "PUT":
            named = {name.lower(): value for name, value in headers.items()}
            seen[path.removeprefix(f"/{BUCKET}/class/").partition("/")[0]] = named.get("x-amz-storage-class")

    with between(server.endpoint, lambda _method, _path, ask: ask(), see) as address:
        kept = Kept()
        kept.use(
            store_of(
                server.environ("class")
                | {"AWS_ENDPOINT_URL_S3": address, "SYNAPSE_S3_STORAGE_CLASS": "STANDARD_IA"}
            )
        )
        kept.prove(kept.backup(b"one"))
    assert seen == {"config": None, "objects": "STANDARD_IA", "points": None, "proofs": None}


def _age(server: S3Server) -> None:
    """Make everything in the locked bucket older."""
    for path in (server.folder / LOCKED).rglob("*"):
        if path.is_file():
            was = path.stat().st_mtime
            os.utime(path, (was - AGED_S, was - AGED_S))
