"""Ask a page of the stack as a browser does, and judge what it answers."""

from collections.abc import Mapping

import httpx

from pipelines.ops.doctor.check import Finding, green, red

_SHOWN = 200


def ask(
    client: httpx.Client,
    name: str,
    url: str,
    expected: str,
    remedy: str,
    *,
    remedies: Mapping[int, str] | None = None,
) -> Finding:
    """Green when the page has the expected text; `remedies` are those of single status codes."""
    whole = client.base_url.join(url)
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        return red(name, f"{whole} does not answer ({str(error) or type(error).__name__})", remedy)
    if answer.status_code != httpx.codes.OK or expected not in answer.text:
        told = f"{whole} answers {answer.status_code}: {answer.text[:_SHOWN]}"
        return red(name, told, (remedies or {}).get(answer.status_code, remedy))
    return green(name, f"{whole.copy_with(query=None)} answers")
