"""A turn as bytes: JSON with the time in ISO 8601."""

import json
from datetime import datetime

from app.domain import Turn


def encode(turn: Turn) -> bytes:
    """Return the stored form of a turn."""
    return json.dumps(
        {
            "question": turn.question,
            "answer": turn.answer,
            "citations": [dict(citation) for citation in turn.citations],
            "asked": turn.asked.isoformat(),
            "model": turn.model,
        }
    ).encode()


def decode(stored: bytes) -> Turn:
    """Return the turn of a stored form. Raises ValueError or KeyError when it is none."""
    fields = json.loads(stored)
    return Turn(
        question=fields["question"],
        answer=fields["answer"],
        citations=fields["citations"],
        asked=datetime.fromisoformat(fields["asked"]),
        # Turns of before have none.
        model=fields.get("model"),
    )
