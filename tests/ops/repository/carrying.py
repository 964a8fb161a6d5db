"""Copies a repository, and says when it is done: a process for tests to kill."""

import sys
from pathlib import Path

from pipelines.ops.copying import carry_out, plan_copy
from pipelines.ops.repository import FolderStore, Repository
from tests.damage.killing import StepByStep, say
from tests.passphrases import of_kind

if __name__ == "__main__":
    here, there, phrase = sys.argv[1:]
    source = Repository.open(FolderStore(Path(here)))
    target = Repository.open_or_create(FolderStore(Path(there)), of_kind(phrase or None))
    say("ready")
    items = carry_out(source, target, plan_copy(source, target, []), StepByStep())
    for item in items:
        say(f"{item.state.value} {item.copy}")
    say("ended")
