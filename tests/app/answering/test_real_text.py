"""Real text, real embedder, real index: the articles about Python that come with Python."""

from collections.abc import AsyncIterator
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from app.answering.ingest import Submission
from app.inference.embedded import WordLlamaEmbedder
from app.stores.index.faiss_index import FaissDocumentIndex
from tests.app.running import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run everything of this file in one loop, so that the articles are taken in once."""
    return "asyncio"


@pytest.fixture(scope="module")
async def articles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Run the service with all articles."""
    folder: Path = tmp_path_factory.mktemp("articles")
    embedder = WordLlamaEmbedder()
    index = FaissDocumentIndex.open(folder, "documents", embedder.model)
    async with running(folder, embedder=embedder, index=index) as synapse:
        await synapse.services.ingest.add([Submission(name, text, name) for name, text in topics.items()])
        yield synapse
    index.close()


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("How do I write an anonymous function with lambda?", "lambda"),
        ("What does the break statement do in a loop?", "break"),
        ("How does the assert statement work?", "assert"),
        ("How are exceptions caught with try and except?", "try"),
        ("What are the comparison operators and how do they chain?", "comparisons"),
        ("How do I set a breakpoint in the debugger?", "debugger"),
        ("How is a string formatted with a format specification?", "formatstrings"),
        ("How do I import a module under another name?", "import"),
        ("What does the with statement do with a context manager?", "with"),
        ("How do I delete a name with del?", "del"),
    ],
)
async def test_a_question_is_answered_from_the_right_article(
    articles: Running, question: str, article: str
) -> None:
    """The article is among the first three citations, and each citation is what stands there."""
    answer = await articles.ask(question)

    assert article in [citation["document_id"] for citation in answer["citations"][:3]]
    for citation in answer["citations"]:
        text = topics[citation["document_id"]]
        assert text[citation["start"] : citation["end"]] == citation["passage"]
    scores = [citation["score"] for citation in answer["citations"]]
    assert scores == sorted(scores, reverse=True)


async def test_all_articles_are_there(articles: Running) -> None:
    """Nothing was lost on the way in."""
    health = (await articles.client.get("/health")).json()

    assert health["collections"][0]["documents"] == len(topics)
    assert health["state"] == "ok"
