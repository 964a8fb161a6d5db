"""Work beside other work: its result, its failure, and its early end."""

from threading import Event

import pytest

from pipelines.ops.beside import Check, beside

_PATIENCE = 30


def test_the_result() -> None:
    """Both are under way at the same time."""
    here, there = Event(), Event()

    def work(_check: Check) -> bool:
        there.set()
        return here.wait(_PATIENCE)

    with beside(work) as begun:
        assert there.wait(_PATIENCE)
        here.set()
        assert begun.result()


def test_a_failure() -> None:
    """It is raised where the result is asked for."""

    def work(_check: Check) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"), beside(work) as begun:
        begun.result()


def test_nobody_waits_any_more() -> None:
    """When the block fails, the work ends at its next check, and has ended when the failure is seen."""
    begun, checked = Event(), []

    def work(check: Check) -> None:
        begun.set()
        try:
            while True:
                check()
        finally:
            checked.append(True)

    def block() -> None:
        assert begun.wait(_PATIENCE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), beside(work):
        block()
    assert checked
