"""What tests of who may come in share: a token, a service that wants it, and who shows what."""

from pydantic import SecretStr

from tests.app.processes import TOKEN

BEARER = {"Authorization": f"Bearer {TOKEN}"}
LOCKED: dict[str, object] = {"api_token": SecretStr(TOKEN)}
"""Settings of a service that wants the token."""
HERE = {"Origin": "http://synapse"}
"""What a browser sends along from the page of the service that tests run."""
