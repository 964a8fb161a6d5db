"""What the Dockerfiles must keep to, so that an image is a function of its commit."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_pip_compiles_nothing_in_a_folder_with_a_random_name() -> None:
    """With --target it does, and that name would be in every compiled file."""
    joined = (PROJECT / "app/Dockerfile").read_text().replace("\\\n", " ")
    installing = [part for line in joined.splitlines() for part in line.split("&&") if " --target " in part]
    assert installing
    for command in installing:
        assert "--no-compile" in command.split(), command
