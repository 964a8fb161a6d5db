"""One chat server: `/v1/chat/completions` of llama.cpp and others, always read as a stream."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from app.inference.errors import AnswerInterruptedError, ContextTooLongError, ModelUnavailableError
from app.inference.reachability import authorisation, check_request, judge, unreachable

_CHAT_TIMEOUT = httpx.Timeout(120.0, connect=2.0)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatServer:
    """A model server with a name, as it is called in MODEL_<NAME>_URL."""

    def __init__(self, name: str, url: str, client: httpx.AsyncClient, api_key: str | None = None) -> None:
        self.name = name
        self.url = url.removesuffix("/v1")
        self._client = client
        self._api_key = api_key

    async def check(self) -> None:
        """Return when the server could answer now. Raises ModelUnavailableError."""
        try:
            judge(self.url, await self._client.send(check_request(self.url, self._api_key)))
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """Yield the answer piece by piece.

        Raises ModelUnavailableError before the first piece only, AnswerInterruptedError after it, and
        ContextTooLongError. Leaving the iteration closes the connection, which frees the server's slot.
        """
        begun = False
        try:
            async with self._client.stream(
                "POST",
                f"{self.url}/v1/chat/completions",
                timeout=_CHAT_TIMEOUT,
                headers=authorisation(self._api_key),
                json=self._body(messages),
            ) as response:
                if response.is_error:
                    raise self._refusal(
                        response.status_code, (await response.aread()).decode(errors="replace")
                    )
                async for piece in _pieces(response):
                    begun = True
                    yield piece
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            if begun:
                raise AnswerInterruptedError(
                    f"The model server {self.url} stopped in the middle of an answer: {error!r}.",
                    "Ask again.",
                ) from error
            raise unreachable(self.url, error) from error
        if not begun:
            raise ModelUnavailableError(
                f"The model server {self.url} gave an empty answer.", "Look at its log."
            )

    def _body(self, messages: Sequence[Message]) -> dict[str, object]:
        return {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "temperature": 0.2,
        }

    def _refusal(self, status: int, body: str) -> ContextTooLongError | ModelUnavailableError:
        if status == httpx.codes.BAD_REQUEST and "context" in body and "exceed" in body:
            return ContextTooLongError(
                f"The question with its passages is too long for the model server {self.url}.",
                "Serve the model with a larger context (llama.cpp: -c), or ask with a smaller limit.",
            )
        return ModelUnavailableError(
            f"The model server {self.url} answers {status}: {body[:200]}", "Look at the log of that server."
        )


async def _pieces(response: httpx.Response) -> AsyncGenerator[str]:
    finished = False
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        event = json.loads(data)
        if "error" in event:
            raise ValueError(str(event["error"])[:200])
        choices = event.get("choices") or []
        if choices and (piece := choices[0].get("delta", {}).get("content")):
            yield piece
        finished = finished or bool(choices and choices[0].get("finish_reason"))
    if not finished:
        raise httpx.RemoteProtocolError("the stream ended before the answer did")
