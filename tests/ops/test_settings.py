"""The settings of the command: where restore points go."""

from pathlib import Path

import pytest

from pipelines.ops.settings import load


@pytest.mark.parametrize(
    ("given", "repository"),
    [
        ({}, "backups"),
        ({"SYNAPSE_REPOSITORY": "/mnt/a"}, "/mnt/a"),
        ({"BACKUPS_DIR": "/mnt/b"}, "backups"),
        ({"SYNAPSE_STACK": "compose"}, "backups"),
        ({"SYNAPSE_STACK": "compose", "BACKUPS_DIR": "/mnt/b"}, "/mnt/b"),
        ({"SYNAPSE_STACK": "compose", "SYNAPSE_REPOSITORY": "/mnt/a"}, "backups"),
    ],
)
def test_the_repository_is_the_one_that_the_stack_writes_to(given: dict[str, str], repository: str) -> None:
    """With containers it is the folder that is mounted into them; they are told of no other."""
    assert load(given, None).repository == Path(repository)
