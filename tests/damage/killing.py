"""A process of the tests that says `ready`, works and says `ended`: killed on the way, or timed."""

import subprocess
import sys
import time

from tests.ending import ended

MORE = 6
"""How many times as many kills are tried until one came in the midst of the changes."""


def killed(module: str, *arguments: str, wait: float | None) -> bool:
    """Run it until it is killed some seconds after it began, or to the end; return whether it had ended."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child, ended(child):
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if wait is not None:
            # Nothing to wait for: a kill may come at any moment.
            time.sleep(wait)
            child.kill()
        return "ended\n" in child.stdout.readlines()


def timed(module: str, *arguments: str) -> float:
    """Run it to the end; return how many seconds that takes on this machine, with some more."""
    began = time.monotonic()
    assert killed(module, *arguments, wait=None)
    return 1.2 * (time.monotonic() - began)
