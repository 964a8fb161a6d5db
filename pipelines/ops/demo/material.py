"""What the demo fills the stack with: real articles, and a Redis value of every type."""

from collections.abc import Iterator
from dataclasses import dataclass
from pydoc_data.topics import topics

import redis

KEYS = 20_000
QUESTIONS = (
    "How do I write a decorator?",
    "What does the with statement do?",
    "How are floating point numbers formatted?",
    "When is a generator's finally clause run?",
    "How does operator precedence work?",
)
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Article:
    """One real text: an article of Python's own reference."""

    title: str
    text: str


def articles() -> Iterator[Article]:
    """Yield the articles that every Python carries."""
    for title, text in sorted(topics.items()):
        yield Article(title, text)


def fill(client: redis.Redis) -> int:
    """Put a value of every type and many small keys into Redis; return how many keys that made."""
    for start in range(0, KEYS, _BATCH):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, start + _BATCH):
                pipeline.set(f"demo:key:{number}", f"value {number}")
            pipeline.execute()
    with client.pipeline(transaction=False) as pipeline:
        _collections(pipeline)
        _stream(pipeline)
        pipeline.set("demo:binary", bytes(range(256)) * 64)
        pipeline.set("demo:expires", "in a day", ex=86_400)
        pipeline.setbit("demo:bits", 4242, 1)
        pipeline.pfadd("demo:loglog", *(f"visitor {number}" for number in range(1_000)))
        pipeline.geoadd("demo:places", (13.36, 38.12, "Palermo", 15.09, 37.50, "Catania"))
        pipeline.execute()
    client.function_load(
        "#!lua name=demo\nredis.register_function('demo_hello', function() return 'hello' end)", replace=True
    )
    return int(client.dbsize())


def _collections(pipeline: redis.client.Pipeline) -> None:
    pipeline.rpush("demo:list", *range(1_000))
    pipeline.sadd("demo:set", *(f"member {number}" for number in range(1_000)))
    pipeline.zadd("demo:ranking", {f"player {number}": number / 7 for number in range(1_000)})
    pipeline.hset("demo:hash", mapping={f"field {number}": number for number in range(1_000)})


def _stream(pipeline: redis.client.Pipeline) -> None:
    for number in range(200):
        pipeline.xadd("demo:stream", {"number": number})
    pipeline.xgroup_create("demo:stream", "readers", "0")
    pipeline.xreadgroup("readers", "first", {"demo:stream": ">"}, count=50)
