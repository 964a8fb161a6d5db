"""What a terminal shows of steps that run side by side."""

from io import StringIO
from threading import Event, Thread

from rich.console import Console

from pipelines.ops.cli.console import ConsoleReporter

_PATIENCE = 30


def terminal() -> tuple[Console, StringIO]:
    """Return a console that takes its file for a terminal, and that file."""
    file = StringIO()
    return Console(file=file, force_terminal=True, width=100, color_system=None), file


def test_steps_side_by_side() -> None:
    """Each has its line until it ends, whichever is first, and its mark when it is done."""
    console, file = terminal()
    reporter = ConsoleReporter(console)
    begun, both, ended = Event(), Event(), Event()

    def other() -> None:
        with reporter.step("Store Redis", total=4_000_000) as advance:
            advance(1_000_000)
            begun.set()
            both.wait(_PATIENCE)
        ended.set()

    thread = Thread(target=other)
    thread.start()
    assert begun.wait(_PATIENCE)
    with reporter.step("Snapshot", total=10, unit="files") as advance:
        advance(5)
        both.set()
        assert ended.wait(_PATIENCE)
        advance(5)
    thread.join()
    with reporter.step("Publish", total=None):
        pass
    shown = file.getvalue()
    assert [line for line in shown.splitlines() if "✓" in line][-1].strip().endswith("Publish")
    for title in ("Store Redis", "Snapshot", "Publish"):
        assert f"✓ {title}" in shown
    assert "1.0/4.0 MB" in shown
    assert "/10 files" in shown
