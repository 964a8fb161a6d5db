"""Routes of documents: add texts and files, list, show, delete."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Literal

from fastapi import APIRouter, File, Query, UploadFile

from app.answering.errors import DocumentTooLargeError, StaleCursorError
from app.answering.ingest import Submission
from app.answering.reading import read_text
from app.api.schemas import (
    DocumentReply,
    DocumentsReply,
    DocumentSummary,
    Id,
    NewDocumentRequest,
    StoredReply,
)
from app.api.services import Given, Services, Writable
from app.domain import Document, Generation

router = APIRouter(prefix="/api/documents", tags=["documents"])
_MOST_FILES = 20
Order = Literal["oldest", "newest"]
_SIGNS: Mapping[Order, str] = {"oldest": "", "newest": "-"}
"""What a cursor has before its sequence, so that one of the other order is no cursor."""


@router.post("", status_code=201, dependencies=[Writable])
async def add_document(services: Given, request: NewDocumentRequest) -> DocumentSummary:
    """Keep a text. When this answers, the document survives a crash."""
    submission = Submission(request.title, request.text, request.id, request.metadata)
    return (await _add(services, [submission])).documents[0]


@router.post("/files", status_code=201, dependencies=[Writable])
async def add_files(
    services: Given, files: Annotated[list[UploadFile], File(min_length=1, max_length=_MOST_FILES)]
) -> StoredReply:
    """Keep files (.txt, .md, .rst, .html; UTF-8), all of them or none."""
    return await _add(services, [await _read(services, file) for file in files])


@router.get("")
async def list_documents(
    services: Given,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str | None = None,
    order: Order = "oldest",
) -> DocumentsReply:
    """List documents, the oldest or the newest first.

    A cursor of before a restore or rebuild, or of the other order, is refused (409).
    """
    generation = await services.threads.run(services.index.generation)
    last = _last(cursor, order, generation) if cursor else None
    if order == "newest":
        found = await services.threads.run(services.index.newest, before=last, limit=limit)
    else:
        found = await services.threads.run(services.index.list, after=last or 0, limit=limit)
    more = f"{generation}:{_SIGNS[order]}{found[-1].sequence}" if len(found) == limit else None
    return DocumentsReply(
        documents=[_summary(document) for document in found], next=more, generation=str(generation)
    )


@router.get("/{document_id}")
async def show_document(services: Given, document_id: Id) -> DocumentReply:
    """Show a document with its text."""
    document = await services.threads.run(services.index.get, document_id)
    return DocumentReply(**_summary(document).model_dump(), text=document.text)


@router.delete("/{document_id}", status_code=204, dependencies=[Writable])
async def delete_document(services: Given, document_id: Id) -> None:
    """Delete a document; no search finds it any more."""
    await services.threads.run(services.index.delete, document_id)
    services.follower.deleted(document_id)


async def _add(services: Services, submissions: list[Submission]) -> StoredReply:
    documents = await services.ingest.add(submissions)
    services.follower.poke()
    return StoredReply(documents=[_summary(document) for document in documents])


async def _read(services: Services, file: UploadFile) -> Submission:
    name = PurePath((file.filename or "file").replace("\\", "/")).name[:300]
    most = services.ingest.max_document_bytes
    content = await file.read(most + 1)
    if len(content) > most:
        raise DocumentTooLargeError(
            f"{name} has more than {most:,} bytes.", "Split it, or raise MAX_DOCUMENT_BYTES."
        )
    return Submission(title=name, text=await services.threads.run(read_text, name, content))


def _summary(document: Document) -> DocumentSummary:
    return DocumentSummary(
        id=document.id,
        title=document.title,
        passages=document.passages,
        characters=len(document.text),
        sequence=document.sequence,
        added=document.added,
        metadata=document.metadata,
    )


def _last(cursor: str, order: Order, generation: Generation) -> int:
    epoch, _, rest = cursor.partition(":")
    _, _, signed = rest.partition(":")
    sign = _SIGNS[order]
    last = signed.removeprefix(sign) if signed.startswith(sign) else ""
    if epoch != generation.epoch or not last.isdecimal() or len(last) > 18:  # noqa: PLR2004  # fits 64 bits
        raise StaleCursorError(
            "The list cannot be continued: the documents were restored or rebuilt since, or it is no cursor"
            " of this order.",
            "List again from the beginning.",
        )
    return int(last)
