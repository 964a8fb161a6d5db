"""A page such as Vite builds, small enough to read."""

from pathlib import Path

INDEX = """<!doctype html>
<html lang="en"><title>Synapse</title><script type="module" src="/assets/index-B1c2D3e4.js"></script></html>
"""
SCRIPT = "/assets/index-B1c2D3e4.js"


def lay_page(folder: Path) -> None:
    """Write the page, and files that must not be served."""
    files = {
        "index.html": INDEX,
        "favicon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "assets/index-B1c2D3e4.js": "export const answer = 42;\n" * 100,
        "assets/small-F5g6H7i8.js": "export {};\n",
        "assets/index-J9k0L1m2.css": "body { margin: 0 }\n" * 100,
        "assets/.hidden.js": "secret",
        ".env": "secret",
        ".git/config": "secret",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
