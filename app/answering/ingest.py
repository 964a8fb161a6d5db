"""Takes documents in: reads, splits, embeds and stores them, all of a request or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from app.answering.errors import DocumentTooLargeError
from app.answering.reading import check_text
from app.answering.splitting import split
from app.answering.threads import Threads
from app.domain import Document, NewDocument, Passage
from app.inference.embedder import Embedder
from app.stores.index.port import DocumentIndex


@dataclass(frozen=True, slots=True)
class Submission:
    """A text that somebody hands in; without an id it is given one."""

    title: str
    text: str
    id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Ingest:
    """The way of a document into the index."""

    def __init__(
        self, index: DocumentIndex, embedder: Embedder, threads: Threads, *, max_document_bytes: int
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._threads = threads
        self.max_document_bytes = max_document_bytes

    async def add(self, submissions: Sequence[Submission]) -> list[Document]:
        """Store the submissions, all or none; when this returns they survive a crash.

        Raises DocumentRefusedError and its kinds, ModelMismatchError, StoreUnavailableError and
        ModelUnavailableError.
        """
        for submission in submissions:
            self._check(submission)
        return await self._threads.run(self._store, submissions)

    def _check(self, submission: Submission) -> None:
        check_text(submission.title, submission.text)
        size = len(submission.text.encode())
        if size > self.max_document_bytes:
            raise DocumentTooLargeError(
                f"{submission.title} has {size:,} bytes; {self.max_document_bytes:,} are allowed.",
                "Split it, or raise MAX_DOCUMENT_BYTES.",
            )

    def _store(self, submissions: Sequence[Submission]) -> list[Document]:
        documents = [self._embedded(submission) for submission in submissions]
        self._index.add(documents)
        return [self._index.get(document.id) for document in documents]

    def _embedded(self, submission: Submission) -> NewDocument:
        spans = list(split(submission.text))
        texts = [submission.text[span.start : span.end] for span in spans]
        # The title says what a passage from the middle is about.
        vectors = self._embedder.embed([f"{submission.title}\n{text}" for text in texts])
        return NewDocument(
            id=submission.id or uuid4().hex,
            title=submission.title,
            text=submission.text,
            passages=[
                Passage(span.start, span.end, text, vector)
                for span, text, vector in zip(spans, texts, vectors, strict=True)
            ],
            metadata=submission.metadata,
        )
