"""Folders of the stack in containers are judged as its user meets them, whoever runs the checklist."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ops.containers.docker import Container
from pipelines.ops.doctor.check import Finding, State, Subject
from pipelines.ops.doctor.container_user import ContainerUser
from pipelines.ops.doctor.data import look_at_data
from pipelines.ops.doctor.repository import look_at_repository
from tests.installation import folder_of
from tests.ops.containers.program import facts_of
from tests.ops.doctor.installation import NOON, publish, says, subject_of
from tests.unchecked import not_checked

THEIRS, OURS, ANOTHER = 4242, os.getuid(), 4243


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def composed(folder: Path, user: str = f"{THEIRS}:{THEIRS}") -> Subject:
    """Return a stack in containers of that user, with a data folder and a restore point."""
    places = {"BACKUPS_DIR": str(folder / "backups"), "SYNAPSE_REPOSITORY": ""}
    subject = subject_of(folder, NOON, SYNAPSE_STACK="compose", **places)
    subject.settings.service.data_dir.mkdir()
    publish(subject, NOON, good=True)
    facts = facts_of("backend", folder)
    facts["Config"]["User"] = user
    return replace(subject, containers=lambda: {"backend": Container("backend", facts)})


def lines(subject: Subject) -> dict[str, Finding]:
    """Return the lines of both folders."""
    return {one.name: one for look in (look_at_data, look_at_repository) for one in look(subject)}


def test_what_we_may_write_and_the_containers_may_not(folder: Path) -> None:
    """Red, with whose it is and the command; green when they may."""
    subject = composed(folder)
    places = {"data folder": subject.settings.service.data_dir, "repository": folder_of(subject.settings)}
    for name, place in places.items():
        place.chmod(0o755)
        told = (f"{place} cannot be written by the containers", f"sudo chown -R {THEIRS}:{THEIRS} {place}")
        says(lines(subject)[name], State.RED, *told, f"belongs to {OURS}:", "mode 755")
        place.chmod(0o777)
        assert lines(subject)[name].state is not State.RED


@pytest.mark.parametrize(
    ("user", "group", "mode", "may"),
    [
        (0, 1, 0o300, False),
        (0, 1, 0o700, True),
        (0, 0, 0o077, False),
        (1, 0, 0o570, True),
        (1, 0, 0o757, False),
        (1, 1, 0o775, False),
        (1, 1, 0o007, True),
    ],
)
def test_owner_group_and_others(folder: Path, user: int, group: int, mode: int, *, may: bool) -> None:
    """The first that fits counts, as the kernel has it: 0 is that of the folder, 1 another."""
    if OURS == 0:
        os.chown(folder, THEIRS, THEIRS)
    found = folder.stat()
    folder.chmod(mode)
    assert ContainerUser(found.st_uid + user, found.st_gid + group).may_write(folder) is may


def test_who_may_not_is_not_told_to_be_let_in(folder: Path) -> None:
    """Another person of this machine: the containers write there, and that is what is asked."""
    if OURS != 0:
        not_checked("only root may become another user")
    subject = composed(folder)
    data, backups = subject.settings.service.data_dir, folder_of(subject.settings)
    for place in (data, backups, *backups.rglob("*")):
        os.chown(place, THEIRS, THEIRS)
        place.chmod(0o755 if place.is_dir() else 0o644)
    with become(ANOTHER):
        found = lines(subject)
    assert {found["data folder"].state, found["repository"].state} == {State.GREEN}, found
    (backups / "config").chmod(0o600)
    with become(ANOTHER):
        line = lines(subject)["repository"]
    says(line, State.SKIPPED, f"user {THEIRS}:{THEIRS}")


@contextmanager
def become(user: int) -> Iterator[None]:
    """Be another user while the block runs."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_user_that_docker_names_by_a_word_is_not_judged(folder: Path) -> None:
    """Then it is as for whoever runs the checklist."""
    subject = composed(folder, "node")
    assert lines(subject)["data folder"].state is not State.RED
