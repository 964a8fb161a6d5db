"""Reads the text of a file that somebody hands in: plain text, Markdown, reStructuredText or HTML."""

from html.parser import HTMLParser
from pathlib import PurePath

from app.answering.errors import EmptyDocumentError, UnsupportedDocumentError

_SUFFIXES = (".txt", ".md", ".rst", ".html", ".htm")
_SILENT = frozenset({"script", "style", "template", "noscript", "head"})
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "i",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
    }
    | {"small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"}
)


def read_text(name: str, content: bytes) -> str:
    """Return the text of a file.

    Raises UnsupportedDocumentError (another kind of file, not UTF-8, binary) and EmptyDocumentError.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UnsupportedDocumentError(
            f"{name} is no kind of file that is read here.", f"Convert it to one of {', '.join(_SUFFIXES)}."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnsupportedDocumentError(
            f"{name} is not UTF-8 text: byte {error.start} cannot be read.", "Save it as UTF-8."
        ) from error
    return check_text(name, _visible(text) if suffix in {".html", ".htm"} else text)


def check_text(name: str, text: str) -> str:
    """Return `text` if it can be kept. Raises UnsupportedDocumentError and EmptyDocumentError."""
    if "\0" in text:
        raise UnsupportedDocumentError(f"{name} holds binary data.", "Hand in text.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedDocumentError(
            f"{name} holds half a character at {error.start}.", "Hand in valid Unicode."
        ) from error
    if not text.strip():
        raise EmptyDocumentError(f"There is no text in {name}.", "Hand in a document with text.")
    return text


def _visible(html: str) -> str:
    page = _Page()
    page.feed(html)
    page.close()
    lines = (" ".join(line.split()) for line in "".join(page.parts).split("\n"))
    return "\n\n".join(line for line in lines if line)


class _Page(HTMLParser):
    """Collects what a reader would see, a line per block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  # HTMLParser's
        if not self._silent and tag in _SILENT:
            self._silent = tag
        elif tag == "body":
            self._silent = ""  # </head> may be left out
        elif tag not in _INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag not in _INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(" ".join(data.split("\n")))
