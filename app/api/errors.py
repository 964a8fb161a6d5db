"""Turns every error into the same JSON: what failed, what to do, and the id of the request."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.answering.errors import (
    DocumentTooLargeError,
    EmptyDocumentError,
    RestoringError,
    StaleCursorError,
    UnsupportedDocumentError,
)
from app.domain import (
    DocumentNotFoundError,
    DocumentRefusedError,
    ModelMismatchError,
    StoreUnavailableError,
)
from app.errors import SynapseError
from app.inference.errors import ContextTooLongError, ModelUnavailableError


class TokenRefusedError(SynapseError):
    """What was given to sign in with is not the token."""


class TooManyAttemptsError(SynapseError):
    """A client has failed to sign in too often of late."""


_STATUS: Mapping[type[SynapseError], int] = {
    TokenRefusedError: 401,
    TooManyAttemptsError: 429,
    DocumentNotFoundError: 404,
    DocumentRefusedError: 409,
    DocumentTooLargeError: 413,
    UnsupportedDocumentError: 415,
    EmptyDocumentError: 422,
    ContextTooLongError: 422,
    ModelMismatchError: 409,
    StaleCursorError: 409,
    StoreUnavailableError: 503,
    RestoringError: 503,
    ModelUnavailableError: 503,
    SynapseError: 500,
}
_RETRY_AFTER = {"Retry-After": "5"}
_FOR_NOW = frozenset({429, 503})
_log = structlog.get_logger(__name__)


def add_error_handlers(app: FastAPI) -> None:
    """Answer the errors of use cases, of validation and of the router; others are bugs (see requests.py)."""
    app.add_exception_handler(SynapseError, _on_synapse_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def problem(
    scope: Scope, status: int, what: str, hint: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error as JSON, with the id that the request was given."""
    body = {"what": what, "hint": hint, "request_id": scope.get("state", {}).get("request_id", "")}
    return JSONResponse({"error": body}, status, headers=headers)


def _on_synapse_error(request: Request, error: Exception) -> JSONResponse:
    kind = next(kind for kind in type(error).__mro__ if kind in _STATUS)
    status = _STATUS[kind]
    what, hint = (error.what, error.hint) if isinstance(error, SynapseError) else (str(error), "")
    _log.info("refused", error=type(error).__name__, what=what)
    return problem(request.scope, status, what, hint, _RETRY_AFTER if status in _FOR_NOW else None)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    details = "; ".join(
        f"{'.'.join(str(part) for part in detail['loc'][1:]) or detail['loc'][0]}: {detail['msg']}"
        for detail in found
    )
    return problem(
        request.scope, 422, f"The request cannot be used: {details}.", "See /api/docs for what it takes."
    )


def _on_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    what = f"{error.detail}: {request.method} {request.url.path}."
    return problem(request.scope, error.status_code, what, "See /api/docs for what there is.", error.headers)
