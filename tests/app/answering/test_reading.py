"""Files: what is read as text, and what is refused with a reason."""

import pytest

from app.answering.errors import EmptyDocumentError, UnsupportedDocumentError
from app.answering.reading import read_text


def test_plain_text_is_kept_as_it_is() -> None:
    """Only a byte order mark goes."""
    assert read_text("a.TXT", b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe\n\nzwei") == "Grüße\n\nzwei"


def test_html_is_read_as_a_person_sees_it() -> None:
    """Tags, scripts and the head go; blocks become lines; entities become characters."""
    page = b"""<!doctype html><head><title>T</title><style>b{}</style><body>
      <h1>Parrots &amp; co</h1><p>A <b>blue</b>
      one.<script>steal()</script></p><ul><li>first</ul>"""

    assert read_text("a.html", page) == "Parrots & co\n\nA blue one.\n\nfirst"


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.pdf", b"text", UnsupportedDocumentError),
        ("a", b"text", UnsupportedDocumentError),
        ("a.txt", b"\xff\xfe", UnsupportedDocumentError),
        ("a.txt", b"a\x00b", UnsupportedDocumentError),
        ("a.txt", b" \n\t", EmptyDocumentError),
        ("a.html", b"<script>only()</script>", EmptyDocumentError),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, content: bytes, error: type[Exception]) -> None:
    """Another kind, not UTF-8, binary, empty: each names the file."""
    with pytest.raises(error, match=name):
        read_text(name, content)
