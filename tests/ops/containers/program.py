"""A `docker` program for tests: it tells what a test laid down, and notes what it was asked."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PROGRAM = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> asked
case $1 in
  ps) cat ids ;;
  inspect) cat facts ;;
  stats) cat memory ;;
  logs) cat written ;;
  exec) cat inside >&2; exit 1 ;;
esac
"""


@dataclass
class DockerProgram:
    """The folder of the program, and what it tells: `docker inspect`'s facts by service."""

    folder: Path
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory: str = "1.00%"
    inside: str = ""
    written: str = ""

    def lay(self) -> None:
        """Put the program and its words into the folder."""
        self.folder.mkdir(exist_ok=True)
        for name, text in (
            ("docker", _PROGRAM),
            ("ids", "\n".join(self.facts)),
            ("facts", json.dumps(list(self.facts.values()))),
            ("memory", self.memory),
            ("inside", self.inside),
            ("written", self.written),
            ("asked", ""),
        ):
            (self.folder / name).write_text(text)
        (self.folder / "docker").chmod(0o755)

    def asked(self, word: str) -> int:
        """Count the calls of a docker command."""
        return [line.split()[0] for line in (self.folder / "asked").read_text().splitlines()].count(word)


def facts_of(service: str, folder: Path, *environment: str) -> dict[str, Any]:
    """Describe a container that is well, as `docker inspect` does."""
    return {
        "Name": f"/synapse_{service}",
        "State": {"Status": "running", "StartedAt": "2026-07-08T12:00:00Z", "Health": {"Status": "healthy"}},
        "HostConfig": {"Memory": 512 << 20, "NanoCpus": 1, "PidsLimit": 256},
        "Config": {
            "Cmd": [],
            "Env": ["PATH=/usr/bin", "GPG_KEY=the-maker-of-the-image", *environment],
            "Labels": {
                "com.docker.compose.service": service,
                "com.docker.compose.project.working_dir": str(folder),
            },
        },
        "NetworkSettings": {"Ports": {}},
        "Mounts": [],
    }
