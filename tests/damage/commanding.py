"""The command line, in a process that says `ready` before it begins: for tests to kill while it works."""

from pipelines.ops.cli.main import run
from tests.damage.killing import say

if __name__ == "__main__":
    say("ready")
    run()
