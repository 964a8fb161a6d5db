"""The stack on a bare machine: an embedded Redis-compatible server and the backend as child processes."""

from pipelines.ops.localstack.holding import LOGS, held_stack
from pipelines.ops.localstack.stack import LocalStack

__all__ = ["LOGS", "LocalStack", "held_stack"]
