"""The JSON that goes in and out. The TypeScript client is made from these."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, SecretStr, StringConstraints, model_validator

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""The id of a document or a session."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
"""A question or a search text."""

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class _Reply(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(_Reply):
    """What failed, on what, and what to do."""

    what: str
    hint: str
    request_id: str


class ProblemReply(_Reply):
    """The body of every error."""

    error: Problem


class LoginRequest(_Request):
    """The token of the service."""

    token: Annotated[SecretStr, Field(max_length=1_000)]


class LoginReply(_Reply):
    """Whether the service wants a token, and whether this request came with one or with its cookie."""

    required: bool
    signed_in: bool


class NewDocumentRequest(_Request):
    """A text to keep; without an id it is given one."""

    title: Title
    text: str
    id: Id | None = None
    metadata: Annotated[
        Mapping[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=1_000)]],
        Field(max_length=50),
    ] = Field(default_factory=dict)


class DocumentSummary(_Reply):
    """A document as it is listed."""

    id: str
    title: str
    passages: int
    characters: int
    sequence: int
    added: datetime
    metadata: Mapping[str, str]


class DocumentReply(DocumentSummary):
    """A document with its text."""

    text: str


class DocumentsReply(_Reply):
    """A page of documents, oldest first; `next` is the cursor of the next page, null on the last."""

    documents: Sequence[DocumentSummary]
    next: str | None
    generation: str


class StoredReply(_Reply):
    """Documents that are now kept and survive a crash."""

    documents: Sequence[DocumentSummary]


class SearchRequest(_Request):
    """Search by a text, or by a vector of the index' own dimension."""

    text: Text | None = None
    vector: Annotated[Sequence[FiniteFloat], Field(min_length=1, max_length=16_384)] | None = None
    limit: int = Field(default=10, ge=1, le=100)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.vector is None):
            raise ValueError("give either text or vector")
        return self


class HitReply(_Reply):
    """A passage found; `start` and `end` are character offsets in the text of the document."""

    passage_id: int
    document_id: str
    title: str
    start: int
    end: int
    text: str
    score: float


class SearchReply(_Reply):
    """Passages, best first."""

    hits: Sequence[HitReply]


class QueryRequest(_Request):
    """A question; with a session id it may refer to earlier ones and is remembered."""

    question: Text
    session_id: Id | None = None
    limit: int = Field(default=5, ge=1, le=20)


class CitationReply(_Reply):
    """A passage that an answer rests on; the text of the answer calls it by `number`, like [1]."""

    number: int
    document_id: str
    title: str
    start: int
    end: int
    score: float
    passage: str


class AnswerReply(_Reply):
    """An answer. `model` is null when passages are only quoted; `notes` says what had to be left out."""

    text: str
    citations: Sequence[CitationReply]
    model: str | None
    cached: bool
    notes: Sequence[str]
    generation: str


class TurnReply(_Reply):
    """A question of a session with its answer."""

    question: str
    answer: str
    citations: Sequence[CitationReply]
    asked: datetime
    model: str | None


class SessionReply(_Reply):
    """A session, oldest turn first."""

    id: str
    turns: Sequence[TurnReply]


class SessionSummaryReply(_Reply):
    """A session as it is listed; its title is the oldest question that it keeps."""

    id: str
    title: str
    turns: int
    last_asked: datetime


class SessionsReply(_Reply):
    """Sessions, the last asked first."""

    sessions: Sequence[SessionSummaryReply]


class ConditionReply(_Reply):
    """The state of something that the service depends on, and since when."""

    name: str
    state: Literal["ok", "degraded", "down"]
    reason: str
    since: datetime


class CollectionReply(_Reply):
    """What the index of a collection holds."""

    name: str
    epoch: str
    sequence: int
    documents: int
    passages: int
    model: str
    dimension: int


class HealthReply(_Reply):
    """`down` serves nothing (503); `degraded` lacks something; `restoring` takes no writes for now.

    Without credentials both lists are empty.
    """

    state: Literal["ok", "degraded", "down", "restoring"]
    dependencies: Sequence[ConditionReply]
    collections: Sequence[CollectionReply]
