"""What tests of the document index share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stores.index.faiss_index import FaissDocumentIndex
from tests.app.stores.index.examples import open_docs, random_document


@pytest.fixture
def index(tmp_path: Path) -> Iterator[FaissDocumentIndex]:
    """Open a collection of three documents, one of them deleted."""
    opened = open_docs(tmp_path)
    opened.add([random_document("a"), random_document("b"), random_document("c")])
    opened.delete("b")
    yield opened
    opened.close()
