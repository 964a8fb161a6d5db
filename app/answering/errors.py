"""Why a document or a question is not taken; each kind has its own answer over HTTP."""

from app.domain import DocumentRefusedError, StoreUnavailableError
from app.errors import SynapseError


class DocumentTooLargeError(DocumentRefusedError):
    """A document has more bytes than may be stored."""


class UnsupportedDocumentError(DocumentRefusedError):
    """A file is of a kind that cannot be read as text."""


class EmptyDocumentError(DocumentRefusedError):
    """There is no text in a document."""


class StaleCursorError(SynapseError):
    """A list cannot be continued, as the documents were restored or rebuilt since it was begun."""


class RestoringError(StoreUnavailableError):
    """A restore is under way, so nothing is written for now."""
