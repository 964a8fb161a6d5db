"""A full disk is said with its remedy, and nothing half-written stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain import DocumentRefusedError, StoreUnavailableError
from app.stores.index.snapshot import open_snapshot
from tests import disks
from tests.app.stores.index.examples import epoch_folder, open_docs, random_document, towards


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MB, where that is allowed."""
    with disks.small_disk(tmp_path / "disk") as disk:
        yield disk


def test_full_disk_refuses_and_keeps(small_disk: Path) -> None:
    """What was acknowledged before the disk filled up is whole, and with room again writing goes on."""
    index = open_docs(small_disk, merge_at=10)
    stuffing = small_disk / "stuffing"
    stuffing.write_bytes(b"x" * 500_000)
    added = 0
    with pytest.raises(StoreUnavailableError) as caught:  # noqa: PT012  # which add it is depends on the disk
        for number in range(10_000):
            index.add([random_document(f"d{number}", 40)])
            added += 1
    assert "Free space" in caught.value.hint
    assert index.generation().sequence == added
    with pytest.raises(StoreUnavailableError):
        index.maybe_merge()
    assert [path.name for path in epoch_folder(small_disk).iterdir() if "index" in path.name] == []
    assert len(index.search(towards(0), limit=10_000)) == 40 * added
    stuffing.unlink()
    index.add([random_document(f"d{added}", 40)])
    assert index.maybe_merge()
    with pytest.raises(DocumentRefusedError):
        index.add([random_document("d0")])
    index.close()
    with open_snapshot(epoch_folder(small_disk)) as snapshot:
        assert snapshot.problems() == []
        assert snapshot.describe().documents == added + 1


def test_full_disk_at_the_start(small_disk: Path) -> None:
    """A collection that cannot be made is said, and is made when there is room."""
    stuffing = disks.fill_up(small_disk)
    with pytest.raises(StoreUnavailableError):
        open_docs(small_disk)
    stuffing.unlink()
    open_docs(small_disk).close()
