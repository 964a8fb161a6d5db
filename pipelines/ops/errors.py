"""What an operator sees when something fails, and the one table of exit codes."""

from enum import IntEnum

from app.errors import SynapseError


class ExitCode(IntEnum):
    """The exit codes of `synapse`; the README shows this table."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    DAMAGED = 4
    UNREACHABLE = 5
    REFUSED = 6
    NO_ENGINE = 7
    INTERRUPTED = 130


class OpsError(SynapseError):
    """A failed operation: `what` failed on what, and in `hint` what to type or change next."""

    code = ExitCode.FAILED


class UsageError(OpsError):
    """The input or a setting cannot be used as given."""

    code = ExitCode.USAGE


class NothingError(OpsError):
    """There is nothing to do, or what was named does not exist."""

    code = ExitCode.NOTHING


class DamagedError(OpsError):
    """Stored data is missing, changed or not what its sums say."""

    code = ExitCode.DAMAGED


class UnreachableError(OpsError):
    """A server or a store does not answer, or does not let us in."""

    code = ExitCode.UNREACHABLE


class RefusedError(OpsError):
    """A safety check said no, before anything was touched."""

    code = ExitCode.REFUSED
