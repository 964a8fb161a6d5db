"""How every command speaks to the backend: at its address, with its token."""

import httpx

from pipelines.ops.settings import OpsSettings


def backend_client(settings: OpsSettings, *, seconds: float, url: str | None = None) -> httpx.Client:
    """Return a client that waits so many seconds at most; `url` is another place than the settings say."""
    token = settings.service.api_token
    headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    return httpx.Client(
        base_url=url or settings.backend_url, headers=headers, timeout=seconds, trust_env=False
    )
