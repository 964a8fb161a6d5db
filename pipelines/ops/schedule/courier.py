"""Carries what is to be told, in a thread of its own: tried again for a while, and never in a job's way."""

import heapq
import smtplib
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipelines.ops.schedule.keeping import Note

DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""How long after each failed try the next one is made; then it is given up."""
_MOST = 100

Send = Callable[[], None]
"""Sends something once, or raises."""


class RefusedByReceiverError(Exception):
    """The receiver answered, and did not take it; the text says how, and holds no address."""


class _Delivery(NamedTuple):
    at: float
    number: int
    tries: int
    name: str
    send: Send


class Courier:
    """Sends in order, the first try at once. `close` waits a little for what has not been tried yet."""

    def __init__(self, note: Note, delays: Sequence[float] = DELAYS_S) -> None:
        self._note = note
        self._delays = delays
        self._waiting: list[_Delivery] = []
        self._number = 0
        self._busy = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._thread.start()

    def deliver(self, name: str, send: Send) -> None:
        """Send something soon; `name` is what the log calls it."""
        with self._changed:
            if len(self._waiting) >= _MOST:
                self._note("not told", level="error", what=name, why="too much is waiting to be told")
                return
            self._number += 1
            heapq.heappush(self._waiting, _Delivery(time.monotonic(), self._number, 0, name, send))
            self._changed.notify_all()

    def close(self, patience: float) -> None:
        """Try what was not yet tried, for so many seconds; say what is lost."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._busy and all(one.tries for one in self._waiting), patience
            )
            self._closing = True
            self._changed.notify_all()
            for one in self._waiting:
                self._note("not told", level="error", what=one.name, why="the scheduler ends")
        self._thread.join(1.0)

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            why = self._try(delivery.send)
            with self._changed:
                self._busy = False
                if why:
                    self._again(delivery, why)
                self._changed.notify_all()

    def _next(self) -> _Delivery | None:
        with self._changed:
            while not self._closing:
                left = self._waiting[0].at - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    self._busy = True
                    return heapq.heappop(self._waiting)
                self._changed.wait(left)
            return None

    def _again(self, delivery: _Delivery, why: str) -> None:
        if delivery.tries >= len(self._delays):
            self._note("not told", level="error", what=delivery.name, why=why)
            return
        delay = self._delays[delivery.tries]
        self._note("not told yet", level="warning", what=delivery.name, why=why, again_in_seconds=delay)
        later = delivery._replace(at=time.monotonic() + delay, tries=delivery.tries + 1)
        heapq.heappush(self._waiting, later)

    @staticmethod
    def _try(send: Send) -> str | None:
        """Send once; why it failed. Errors are named by kind: their text may hold an address or a login."""
        try:
            send()
        except RefusedByReceiverError as error:
            return str(error)
        except smtplib.SMTPResponseException as error:
            return f"the mail server answered {error.smtp_code}"
        except OSError as error:
            return error.strerror or type(error).__name__
        except Exception as error:  # noqa: BLE001  # whatever it is, the jobs go on
            return type(error).__name__
        return None
