"""Prune on a real S3 server: by its own clock, and without a lie about a bucket that keeps versions."""

import os
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from pipelines.ops.errors import UnreachableError
from pipelines.ops.repository import Repository
from tests.ops.repository.keeping import Kept, keys
from tests.s3.between import Answer, Ask, between, spoiled
from tests.s3.versitygw import BUCKET, S3Server, s3_server, store_of

AGED_S = 13 * 3600.0


def age(server: S3Server) -> None:
    """Make every object older, as the server sees it."""
    for path in server.bucket_folder.rglob("*"):
        if path.is_file():
            was = path.stat().st_mtime
            os.utime(path, (was - AGED_S, was - AGED_S))


def pruned_twice(server: S3Server, prefix: str) -> tuple[Kept, bool]:
    """Forget one of two points, prune twice, and return the repository and whether bytes are only hidden."""
    kept = Kept()
    kept.use(store_of(server.environ(prefix)))
    old = kept.backup(b"old", b"both")
    kept.backup(b"new", b"both")
    age(server)
    kept.repository.forget(old)
    assert kept.repository.prune().condemned.objects == 1
    assert kept.objects() == keys(b"old", b"new", b"both")
    assert kept.repository.prune().waiting.objects == 1
    age(server)
    report = kept.repository.prune()
    assert report.deleted.objects == 1
    assert kept.objects() == keys(b"new", b"both")
    assert kept.rest() == set()
    kept.check()
    return kept, report.hidden


def test_both_passes(server: S3Server) -> None:
    """As on a folder; the bytes are free."""
    assert pruned_twice(server, "both")[1] is False


def test_a_condemned_object_is_put_again(server: S3Server) -> None:
    """With a second as the finest time that the store tells."""
    kept = Kept()
    kept.use(store_of(server.environ("again")))
    kept.repository.forget(kept.backup(b"comes back"))
    age(server)
    assert kept.repository.prune().condemned.objects == 1
    kept.backup(b"comes back")
    age(server)
    assert kept.repository.prune().deleted.objects == 0
    kept.check()


def test_a_store_that_says_no_time_is_a_sentence(server: S3Server) -> None:
    """Such as one behind something that drops the header."""

    def timeless(_method: str, _path: str, answer: Answer) -> Answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() != "date"}
        return Answer(answer.status, kept, answer.body, answer.sent)

    with spoiled(server.endpoint, timeless) as address:
        store = store_of(server.environ("timeless") | {"AWS_ENDPOINT_URL_S3": address})
        with pytest.raises(UnreachableError, match="does not say what time it is"):
            store.clock()


def test_a_bucket_with_versions_hides_and_does_not_free(tmp_path: Path) -> None:
    """What was deleted is still there as a version, and the report says so."""
    with s3_server(tmp_path / "s3", versions=True) as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
        )
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        kept, hidden = pruned_twice(server, "versions")
        (key,) = keys(b"old")
        found = client.list_object_versions(Bucket=BUCKET, Prefix=f"versions/{key}")
    assert hidden is True
    assert len(found["DeleteMarkers"]) == 1
    assert len(found["Versions"]) == 1
    assert isinstance(kept.repository, Repository)


def test_a_listing_of_before_condemns_nothing_that_was_put_again(server: S3Server) -> None:
    """A point, and the new time of its object, are missing from the listings; the object itself tells it."""
    before: dict[str, bytes] = {}
    told: list[str] = []

    def decide(method: str, path: str, ask: Ask) -> Answer:
        answer = ask()
        if method == "GET" and "list-type" in path and ("points%2F" in path or "objects%2F" in path):
            told.append(path)
            answer.body = before.setdefault(path, answer.body)
        return answer

    kept = Kept()
    place = server.environ("stale")
    kept.use(store_of(place))
    kept.repository.forget(kept.backup(b"comes back"))
    age(server)
    assert kept.repository.prune().condemned.objects == 1
    age(server)
    with between(server.endpoint, decide) as address:
        store = store_of(place | {"AWS_ENDPOINT_URL_S3": address})
        far = replace(kept.repository, store=store)
        assert far.prune(dry=True).deleted.objects == 1
        kept.backup(b"comes back")
        told.clear()
        assert far.prune().deleted.objects == 0
        assert set(told) == set(before)
    assert kept.objects() == keys(b"comes back")
    kept.check()
