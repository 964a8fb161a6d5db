"""Takes points, or forgets some and prunes, for ever, and says so: a process for tests to kill."""

import io
import os
import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

from pipelines.ops.errors import DamagedError
from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.times import Times
from pipelines.ops.settings import load

POOL = [random.Random(number).randbytes(3000) for number in range(100)]


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def take(repository: Repository, chance: random.Random) -> None:
    """Take points of some of the same files."""
    while True:
        chosen = chance.sample(range(len(POOL)), 8)
        files = repository.store_files((str(number), io.BytesIO(POOL[number])) for number in chosen).files
        now = datetime.now(UTC)
        source = FaissSource(way="folder", files=files)
        point = RestorePoint(host="h", software={}, started=now, finished=now, faiss=source)
        try:
            say(f"took {repository.publish(point).id}")
        except DamagedError:
            say("again")  # a prune was between


def thin(repository: Repository, chance: random.Random) -> None:
    """Forget most points, and prune."""
    while True:
        for ref in repository.points():
            if chance.random() < 0.9:
                say(f"forgets {ref.id}")
                repository.forget(ref)
        say(f"pruned {repository.prune().deleted.objects}")


if __name__ == "__main__":
    store = store_at(load(os.environ, None).repository)
    opened = replace(Repository.open(store), pace=Pace(Times(), lambda _seconds: time.sleep(0.01)))
    say("ready")
    {"take": take, "thin": thin}[sys.argv[1]](opened, random.Random(sys.argv[2]))
