"""A bad way to an S3 server: each request fails with some probability, as requests do in networks."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from tests.s3.between import Answer, Ask, between, refusal

KINDS = ("500", "503", "refused", "lost", "cut", "spoiled", "hung", "stale")
HUNG_S = 1.0
"""How long a hung request is silent; whoever asks must wait less."""


@dataclass
class Faults:
    """What goes wrong, with `chance` a request: the same for a request in every run with a seed.

    `500` and `503` and `refused` (the connection ends) keep a request from the server; with `lost` it is
    carried out and not answered; `cut` and `spoiled` bodies break off or have a wrong bit; `hung` is answered
    too late; a `stale` listing is one from before, as long as `time_passes` is not called.
    """

    seed: str
    chance: float
    kinds: Sequence[str] = KINDS
    met: Counter[str] = field(default_factory=Counter)
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _listings: dict[str, list[bytes]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def before(self, endpoint: str) -> Iterator[str]:
        """Give the address of a way to a server on which all this happens."""
        with between(endpoint, self._decide) as address:
            yield address

    def time_passes(self) -> None:
        """Let no listing from before now be told any more."""
        with self._lock:
            self._listings.clear()

    def _decide(self, method: str, path: str, ask: Ask) -> Answer | None:
        with self._lock:
            self._asked[method, path] += 1
            number = self._asked[method, path]
        # Of the request alone, so that it is the same in whatever order the threads ask.
        dice = random.Random(f"{self.seed} {method} {path} {number}")
        kind = dice.choice(self.kinds) if dice.random() < self.chance else ""
        before = {"500": ("InternalError", 500), "503": ("SlowDown", 503)}.get(kind)
        if before is not None or kind == "refused":
            self.met[kind] += 1
            return refusal(*before, method) if before else None
        return self._answered(kind, method, path, ask(), dice)

    def _answered(
        self, kind: str, method: str, path: str, answer: Answer, dice: random.Random
    ) -> Answer | None:
        body = answer.body if answer.status == 200 and method == "GET" else b""
        listing = body and "list-type=2" in path and "max-keys=1&" not in f"{path}&"
        told = self._listing(path, body, dice if kind == "stale" else None) if listing else body
        met = (
            kind in ("lost", "hung")
            or (kind == "cut" and body)
            or (kind == "spoiled" and body and not listing)
        )
        if met or told is not body:
            self.met[kind] += 1
        if kind == "hung":
            time.sleep(HUNG_S)  # the fault itself
        if kind in ("lost", "hung"):
            return None
        if not met:
            return replace(answer, body=told) if listing else answer
        if kind == "cut":
            return replace(answer, sent=len(body) // 2)
        at = dice.randrange(len(body))
        return replace(answer, body=body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])

    def _listing(self, path: str, body: bytes, dice: random.Random | None) -> bytes:
        with self._lock:
            known = self._listings.setdefault(path, [])
            told = dice.choice(known) if dice and known else body
            known.append(body)
        return told
