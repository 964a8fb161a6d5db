"""A command on a terminal, as a person runs it."""

import os
import pty
from collections.abc import Callable, Mapping
from pathlib import Path


def on_a_terminal(
    program: Path,
    *arguments: str,
    folder: Path,
    environ: Mapping[str, str],
    answer: Callable[[bytes], str | None],
) -> tuple[int, str]:
    """Run a program to its end; return its code and all that was shown.

    `answer` is given what was shown so far, each time there is more, and returns a line to type, or None.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(program, [program.name, *arguments], environ)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # what a terminal gives when its program has ended
            break
        if (line := answer(shown)) is not None:
            os.write(terminal, line.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
