"""Repairs a repository from a copy, and says when it is done: a process for tests to kill."""

import sys
from pathlib import Path

from pipelines.ops.repairing import carry_out, find
from pipelines.ops.repository import FolderStore, Repository
from tests.damage.killing import StepByStep, say

if __name__ == "__main__":
    here, there = (Repository.open(FolderStore(Path(name))) for name in sys.argv[1:])
    say("ready")
    found = find(here, other=there, quick=False, reporter=StepByStep())
    carry_out(here, found, other=there, forget=True, quick=False, reporter=StepByStep())
    say("ended")
