"""What the Dockerfiles must keep to, so that an image is a function of its commit."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_pip_compiles_nothing_in_a_folder_with_a_random_name() -> None:
    """With --target it does, and that name would be in every compiled file."""
    installing = [part for part in commands("app/Dockerfile") if " --target " in part]
    assert installing
    for command in installing:
        assert "--no-compile" in command.split(), command


def test_what_a_lock_names_is_installed_under_its_hash_and_never_built() -> None:
    """A source package would run code of its own at the build, with tools that no lock names."""
    installing = [part for part in commands("app/Dockerfile") if re.search(r" (--requirement|-r) ", part)]
    assert len(installing) == 2
    for command in installing:
        assert "--require-hashes" in command.split(), command
        assert "--only-binary :all:" in command, command


def commands(dockerfile: str) -> list[str]:
    """Return the commands of a Dockerfile, each on one line."""
    joined = (PROJECT / dockerfile).read_text().replace("\\\n", " ")
    return [part for line in joined.splitlines() for part in line.split("&&")]
