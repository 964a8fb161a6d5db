"""What every document index refuses, whatever it stores it in."""

from collections.abc import Sequence

import numpy as np

from app.domain import (
    DocumentNotFoundError,
    DocumentRefusedError,
    EmbeddingModel,
    ModelMismatchError,
    NewDocument,
    Passage,
    Vector,
)


def check_documents(documents: Sequence[NewDocument], model: EmbeddingModel) -> None:
    """Raise DocumentRefusedError or ModelMismatchError for the first document that cannot be stored."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise id_in_use(document.id)
        seen.add(document.id)
        _check_document(document)
        for passage in document.passages:
            _check_passage(document, passage, model)


def check_query(vector: Vector, model: EmbeddingModel) -> None:
    """Raise ModelMismatchError when a query cannot be compared with the vectors of `model`."""
    _check_shape(vector, model, "The question")
    if not np.isfinite(vector).all():
        raise ModelMismatchError(
            f"The model {model.name} embedded the question to numbers that are not finite.",
            "Look at the model server: its answers cannot be compared.",
        )


def id_in_use(document_id: str) -> DocumentRefusedError:
    """Say that a document of that id exists."""
    return DocumentRefusedError(
        f"A document with the id {document_id!r} is already there.",
        "Delete it first, or choose another id.",
    )


def not_found(document_id: str) -> DocumentNotFoundError:
    """Say that there is no document of that id."""
    return DocumentNotFoundError(
        f"There is no document with the id {document_id!r}.",
        "List the documents to see which there are.",
    )


def _check_document(document: NewDocument) -> None:
    if not document.id:
        raise DocumentRefusedError("A document has an empty id.", "Give it one.")
    if not document.passages:
        raise DocumentRefusedError(
            f"The document {document.id!r} has no passage.", "Only a text that is not empty can be stored."
        )
    try:
        (document.id + document.title + document.text).encode()
    except UnicodeEncodeError as error:
        raise DocumentRefusedError(
            f"The document {document.id!r} is not valid Unicode text ({error.reason}).",
            "Save it as UTF-8 and send it again.",
        ) from error


def _check_passage(document: NewDocument, passage: Passage, model: EmbeddingModel) -> None:
    _check_shape(passage.vector, model, f"A passage of the document {document.id!r}")
    place = f"The passage {passage.start} to {passage.end} of the document {document.id!r}"
    if not np.isfinite(passage.vector).all():
        raise DocumentRefusedError(
            f"{place} was embedded to numbers that are not finite.", "Look at the embedding model server."
        )
    if passage.start < 0 or document.text[passage.start : passage.end] != passage.text:
        raise DocumentRefusedError(
            f"{place} is not the text at these characters.", "Cut it out of the same text that is stored."
        )


def _check_shape(vector: Vector, model: EmbeddingModel, whose: str) -> None:
    if vector.shape != (model.dimension,):
        raise ModelMismatchError(
            f"{whose} has a vector of shape {vector.shape}; {model.name} makes {model.dimension} numbers.",
            "Embed with the model that the index was built with.",
        )
