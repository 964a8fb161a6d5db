"""Repairs a repository from a copy, and says when it is done: a process for tests to kill."""

import sys
from pathlib import Path

from pipelines.ops.repairing import carry_out, find
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import FolderStore, Repository
from tests.ops.repository.carrying import say

if __name__ == "__main__":
    here, there = (Repository.open(FolderStore(Path(name))) for name in sys.argv[1:])
    say("ready")
    found = find(here, other=there, quick=False, reporter=SilentReporter())
    carry_out(here, found, other=there, forget=True, quick=False, reporter=SilentReporter())
    say("ended")
