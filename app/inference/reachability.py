"""Asks a model server whether it could work now, the same for llama.cpp and other servers."""

import httpx

from app.inference.errors import ModelLoadingError, ModelUnavailableError

_TIMEOUT = httpx.Timeout(2.0)
_LOADING = 503
_NOT_FOUND = 404


def check_request(url: str, api_key: str | None = None) -> httpx.Request:
    """Build the request that tells: `/health`, which llama.cpp answers without a key."""
    return httpx.Request(
        "GET", f"{url}/health", headers=authorisation(api_key), extensions={"timeout": _TIMEOUT.as_dict()}
    )


def judge(url: str, response: httpx.Response) -> None:
    """Raise ModelUnavailableError if the answer to `check_request` says that it cannot work.

    A server without `/health` (404) is there all the same; only llama.cpp has that page.
    """
    if response.status_code == _LOADING:
        raise ModelLoadingError(f"The model server {url} is still loading.", "Wait until it has loaded.")
    if response.is_error and response.status_code != _NOT_FOUND:
        raise ModelUnavailableError(
            f"The model server {url} answers {response.status_code}.", "Look at the log of that server."
        )


def authorisation(api_key: str | None) -> dict[str, str]:
    """Return the header that carries the key, if there is one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def unreachable(url: str, error: Exception) -> ModelUnavailableError:
    """Say that a server cannot be reached, and why."""
    return ModelUnavailableError(
        f"The model server {url} cannot be reached: {str(error) or type(error).__name__}.",
        "Start it, or correct its address.",
    )
