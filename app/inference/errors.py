"""What can go wrong with a model server."""

from app.domain import SynapseError


class ModelUnavailableError(SynapseError):
    """A model server cannot be reached, is still loading, or answers nonsense."""


class ContextTooLongError(SynapseError):
    """The prompt does not fit the model; the same prompt will never fit, so it is not tried again."""


class AnswerInterruptedError(SynapseError):
    """The model server stopped in the middle of an answer; what came so far is incomplete."""
