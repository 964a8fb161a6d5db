"""Run the confined loader: a request in, an answer out, and every way in which it can die as one sentence."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.ops.errors import DamagedError, OpsError
from pipelines.ops.faiss.limits import GIB, Limits

_ROOT = Path(__file__).parents[3]
_OUT_OF_MEMORY = ("bad_alloc", "byte_limit", "byte limit", "MemoryError", "Cannot allocate memory")
_DAMAGED = "Restore or rebuild it from a restore point that is proven."
_TOO_MUCH = "If the file is known to be good, raise the loader's limits; else restore or rebuild it."


def run_loader(
    request: Mapping[str, Any],
    *,
    name: str,
    size: int,
    limits: Limits,
    files: Sequence[int] = (),
    folder: Path | None = None,
) -> dict[str, Any]:
    """Return the loader's answer about `name`, whose data is `size` bytes in open `files` or in `folder`.

    Raises DamagedError with what is wrong with the data, OpsError when the loader cannot run here.
    """
    memory = limits.memory_for(size)
    whole = {
        **request,
        "memory": memory,
        "cpu_seconds": limits.cpu_seconds,
        "parent": os.getpid(),
        "folder": str(folder.absolute()) if folder else None,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.ops.faiss.child"],
            input=json.dumps(whole).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            pass_fds=files,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _damaged(name, f"loading took more than {limits.seconds:g} s", _TOO_MUCH) from error
    started, _, answer = done.stdout.partition(b"\n")
    if not started:
        raise OpsError(
            f"The loader of FAISS files does not start (exit {done.returncode}).",
            f"Run `{sys.executable} -c 'import faiss'` to see why.",
        )
    return _checked(answer, done.returncode, name, memory, limits)


def _environment() -> dict[str, str]:
    """Give the child its own modules and one thread each; no secret of the parent is passed on."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**threads, "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"}


def _checked(answer: bytes, code: int, name: str, memory: int, limits: Limits) -> dict[str, Any]:
    if code == -signal.SIGXCPU:
        raise _damaged(name, f"loading took more than {limits.cpu_seconds} s of CPU", _TOO_MUCH)
    if code < 0:
        raise _damaged(name, f"it crashed its loader ({signal.Signals(-code).name})", _DAMAGED)
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError as error:
        raise _damaged(name, f"its loader gave no answer (exit {code})", _DAMAGED) from error
    problem = found.get("problem")
    if problem and any(mark in problem for mark in _OUT_OF_MEMORY):
        raise _damaged(name, f"it asks for more than {memory / GIB:.1f} GiB of memory", _TOO_MUCH)
    if problem:
        raise _damaged(name, str(problem), _DAMAGED)
    return found


def _damaged(name: str, problem: str, hint: str) -> DamagedError:
    return DamagedError(f"{name} cannot be loaded: {problem}.", hint)
