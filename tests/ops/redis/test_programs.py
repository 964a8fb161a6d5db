"""Which server programs of a machine are used."""

from pathlib import Path

import pytest

from pipelines.ops.errors import OpsError
from pipelines.ops.redis.programs import embedded_program, installed_programs


def test_one_that_does_not_run_stands_in_no_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PATH it is left out; when it was named, that is an error."""
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    programs = installed_programs()
    assert broken not in [program.path for program in programs]
    assert embedded_program() in [program.path for program in programs]
    with pytest.raises(OpsError, match="does not run as a Redis server"):
        installed_programs(broken)
