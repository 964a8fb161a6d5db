"""Cut a stream where its content says so, so that an insertion moves no later cut."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from pyfastcdc import FastCDC

from pipelines.ops.repository.config import ChunkerConfig


class Chunker(Protocol):
    """Something that cuts streams; equal content gives equal chunks. What fits here can replace FastCDC."""

    def cut(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the chunks of a stream until its end; joined they are the stream, and none is empty."""


class FastCdc:
    """FastCDC of 2020 (Xia et al., IEEE TPDS 31/9), by the gear table of its authors."""

    def __init__(self, config: ChunkerConfig) -> None:
        self._config = config

    def cut(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the chunks of a stream; see the protocol."""
        config = self._config
        # One per stream: an instance is not for two threads.
        cutter = FastCDC(
            config.average,
            min_size=config.minimum,
            max_size=config.maximum,
            normalized_chunking=config.normalisation,
            seed=config.seed,
        )
        for chunk in cutter.cut_stream(stream):
            # A copy, because the cutter's own buffer is overwritten by its next step.
            yield bytes(chunk.data)
