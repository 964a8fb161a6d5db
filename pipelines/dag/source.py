"""The project's sources as the engine sees them: what git would keep, and never data, backups or secrets."""

import dagger

from pipelines.dag.session import Session

_NEVER = [
    *(".git", ".env", "secrets", "data", "backups/*", "!backups/README.md", ".demo", "test-reports", "build"),
    *(".venv", "**/node_modules", "frontend/dist", "**/__pycache__"),
]


def sources(session: Session, include: list[str] | None = None) -> dagger.Directory:
    """Return the project's folder, or those parts of it that the patterns name."""
    return session.client.host().directory(
        str(session.folder), exclude=_NEVER, include=include, gitignore=True
    )


def file_of(session: Session, path: str) -> dagger.File:
    """Return one file of the project."""
    return sources(session, [path.removeprefix("./")]).file(path.removeprefix("./"))
