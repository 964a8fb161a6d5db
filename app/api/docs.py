"""The page on which a person reads and tries the API: Swagger UI from this machine, under our own policy."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

router = APIRouter(prefix="/api/docs", include_in_schema=False)


@router.get("")
async def page() -> Response:
    """Show the page."""
    return _sent(_here() / "index.html", "text/html")


@router.get("/{name}")
async def part(name: str) -> Response:
    """Give one of the files that the page is made of."""
    kind = _PARTS.get(name)
    if kind is None:
        raise HTTPException(404, f"The page has no file {name}")
    return _sent((_here() if name == "start.js" else _swagger()) / name, kind)


_PARTS: Mapping[str, str] = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def _sent(file: Traversable, kind: str) -> Response:
    return Response(file.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


def _here() -> Traversable:
    return files("app.api") / "docs_page"


def _swagger() -> Traversable:
    return files("fastapi_offline") / "static"
