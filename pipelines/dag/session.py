"""What every step of a run shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.dag.arguments import START_LIMIT_S, Options
from pipelines.dag.errors import JobError

if TYPE_CHECKING:
    import dagger


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a job in the project's `folder`.

    `run_id` is new in each run: laid into the environment before a command with effects, it keeps the engine
    from answering out of its cache. `facts` gathers what the report says of the run as a whole;
    `epochs` keeps the commit times of the images, which stay the same as long as it runs.
    `any_tree` builds them from a tree with changes too: who only looks or restores publishes none of them.
    """

    client: "dagger.Client"
    run_id: str
    folder: Path
    options: Options
    environ: Mapping[str, str]
    facts: dict[str, object] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    any_tree: bool = False

    def __post_init__(self) -> None:
        """Refuse another folder: the engine would be given all that is in it. Raises JobError."""
        if not (self.folder / "docker-compose.yml").is_file():
            raise JobError(f"{self.folder} is not the project's folder.", "Go there, and run the job again.")

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platforms to build images for, such as linux/arm64; none means the engine's own."""
        return tuple(dict.fromkeys(getattr(self.options.more, "platform", ())))

    @property
    def start_limit_s(self) -> float:
        """How many seconds a service of an ephemeral stack may take to start."""
        return float(getattr(self.options.more, "start_limit", START_LIMIT_S))

    @property
    def reports(self) -> Path:
        """Where report files go."""
        return self.options.reports
