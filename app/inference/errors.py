"""What can go wrong with a model server."""

from app.errors import SynapseError


class ModelUnavailableError(SynapseError):
    """A model server cannot be reached, is still loading, or answers nonsense."""


class ModelLoadingError(ModelUnavailableError):
    """A model server is there and will answer when it has loaded its model."""


class ContextTooLongError(SynapseError):
    """The prompt does not fit the model; the same prompt will never fit, so it is not tried again."""


class AnswerInterruptedError(SynapseError):
    """The model server stopped in the middle of an answer; what came so far is incomplete."""
