"""The settings of `synapse`: the service's own, and where backups, scratch servers and programs are."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import SecretStr

from app.settings import Settings, secret
from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import UsageError
from pipelines.ops.repository.passphrase import Passphrase
from pipelines.ops.repository.place import Place
from pipelines.ops.s3_settings import SCHEME, s3_place

PASSWORD_FILE = "redis_password"  # noqa: S105  # the name of a file
_COPY = "SYNAPSE_COPY_"


@dataclass(frozen=True, slots=True)
class OpsSettings:
    """Everything that the commands need to know; `service` is what the backend runs with.

    `repository` is SYNAPSE_REPOSITORY (or the folder BACKUPS_DIR with the stack in containers), `scratch` is
    SYNAPSE_SCRATCH_DIR, `cache` SYNAPSE_CACHE_DIR (for a repository on S3), `server` SYNAPSE_REDIS_SERVER,
    `scratch_address` SYNAPSE_SCRATCH_ADDRESS (where a target on another machine reaches a scratch server),
    `backend` SYNAPSE_BACKEND_URL (where the backend is reached from here, if not where its settings say),
    `redis_memory_limit` SYNAPSE_REDIS_MEMORY_LIMIT (bytes that the container of Redis may use),
    `stack` SYNAPSE_STACK (`compose` when the stack runs in containers of this machine), and then
    `compose_files` COMPOSE_FILE and `compose_profiles` COMPOSE_PROFILES. `passphrase` is SYNAPSE_PASSPHRASE
    (of an encrypted repository),
    `new_passphrase` SYNAPSE_NEW_PASSPHRASE (what `synapse key add` or `change` takes), `copy_passphrase`
    SYNAPSE_COPY_PASSPHRASE (of the other repository of `synapse copy` and `synapse repair --from`).
    """

    service: Settings
    repository: Place
    scratch: Path
    server: Path | None
    scratch_address: str | None
    backend: str | None = None
    redis_memory_limit: int | None = None
    stack: Literal["local", "compose"] = "local"
    compose_files: tuple[str, ...] = ("docker-compose.yml",)
    compose_profiles: tuple[str, ...] = ()
    passphrase: Passphrase | None = None
    new_passphrase: Passphrase | None = None
    copy_passphrase: Passphrase | None = None
    cache: Path | None = None

    @property
    def form(self) -> Literal["development", "production"] | None:
        """The form of the stack in containers that COMPOSE_FILE names."""
        names = {Path(name).name for name in self.compose_files}
        if "docker-compose.production.yml" in names:
            return "production"
        return "development" if "docker-compose.override.yml" in names else None

    @property
    def redis(self) -> RedisAddress:
        """Where the stack's Redis is and how to log in."""
        service = self.service
        return RedisAddress(
            host=service.redis_host,
            port=service.redis_port,
            username=service.redis_username,
            password=service.redis_password.get_secret_value() if service.redis_password else None,
            tls=service.redis_tls,
            tls_ca=service.redis_tls_ca,
            db=0,
        )

    @property
    def backend_url(self) -> str:
        """Where the backend answers."""
        return self.backend or self.service.url

    @property
    def redis_folder(self) -> Path:
        """The data folder of the Redis server that `synapse up` runs."""
        return self.service.data_dir / "redis"

    @property
    def password_file(self) -> Path:
        """Where `synapse up` keeps the password that it made when none was set."""
        return self.service.data_dir / PASSWORD_FILE


def load(environ: Mapping[str, str], env_file: Path | None = Path(".env")) -> OpsSettings:
    """Read every setting. Raises SynapseError that names the variable."""
    service = _with_own_password(Settings.load(environ, env_file))
    given = given_settings(environ, env_file)
    server = given.get("SYNAPSE_REDIS_SERVER")
    stack = _stack(given.get("SYNAPSE_STACK", "local"))
    return OpsSettings(
        service=service,
        repository=_repository(given, stack),
        scratch=_folder("SYNAPSE_SCRATCH_DIR", given.get("SYNAPSE_SCRATCH_DIR") or tempfile.gettempdir()),
        server=Path(server) if server else None,
        scratch_address=given.get("SYNAPSE_SCRATCH_ADDRESS"),
        backend=_address("SYNAPSE_BACKEND_URL", given.get("SYNAPSE_BACKEND_URL")),
        redis_memory_limit=_bytes("SYNAPSE_REDIS_MEMORY_LIMIT", given.get("SYNAPSE_REDIS_MEMORY_LIMIT")),
        stack=stack,
        compose_files=tuple(given.get("COMPOSE_FILE", "docker-compose.yml").split(os.pathsep)),
        compose_profiles=tuple(given.get("COMPOSE_PROFILES", "").split(",")),
        passphrase=_passphrase("SYNAPSE_PASSPHRASE", given),
        new_passphrase=_passphrase("SYNAPSE_NEW_PASSPHRASE", given),
        copy_passphrase=_passphrase("SYNAPSE_COPY_PASSPHRASE", given),
        cache=_folder("SYNAPSE_CACHE_DIR", cache) if (cache := given.get("SYNAPSE_CACHE_DIR")) else None,
    )


def other_place(
    name: str, value: str, environ: Mapping[str, str], env_file: Path | None = Path(".env")
) -> Place:
    """Read where another repository lies, a folder or `s3://bucket/prefix`, from the argument of that name.

    Where a variable SYNAPSE_COPY_AWS_… is given, those stand for the variables AWS_…, all of them, and
    SYNAPSE_COPY_S3_… for SYNAPSE_S3_….
    """
    if not value.startswith(SCHEME):
        return _folder(name, value)
    given = given_settings(environ, env_file)
    own = {key.removeprefix(_COPY): said for key, said in given.items() if key.startswith(f"{_COPY}AWS_")}
    options = {
        f"SYNAPSE_{key.removeprefix(_COPY)}": said
        for key, said in given.items()
        if key.startswith(f"{_COPY}S3_")
    }
    return s3_place(name, value, own | options if own else given)


def given_settings(environ: Mapping[str, str], env_file: Path | None = Path(".env")) -> dict[str, str]:
    """Return what is set: in the environment, else in the file; what is empty is not set."""
    given = {name: value for name, value in dotenv_values(env_file).items() if value} if env_file else {}
    return given | {name: value for name, value in environ.items() if value}


def _passphrase(name: str, given: Mapping[str, str]) -> Passphrase | None:
    said = secret(name, given)
    return Passphrase(said) if said else None


def _with_own_password(service: Settings) -> Settings:
    """Use the password that `synapse up` made, when none is set."""
    kept = service.data_dir / PASSWORD_FILE
    if service.redis_password is not None or not kept.exists():
        return service
    try:
        password = kept.read_text().strip()
    except OSError as error:
        raise UsageError(
            f"{kept} cannot be read ({error.strerror}).", "Run as its owner, or set REDIS_PASSWORD_FILE."
        ) from error
    return service.model_copy(update={"redis_password": SecretStr(password)})


def _address(name: str, value: str | None) -> str | None:
    if value is not None and re.fullmatch(r"https?://[^\s/@]+/?", value) is None:
        raise UsageError(f"{name}={value} is no address.", "Set it to one such as http://backend:8000.")
    return value and value.rstrip("/")


def _bytes(name: str, value: str | None) -> int | None:
    """Read a size as compose writes it: bytes, or with K, M or G for powers of 1024."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)([KMG]?)B?", value.strip().upper())
    if match is None:
        raise UsageError(
            f"{name}={value} is no size.", "Write bytes, or a number with K, M or G, such as 512M."
        )
    return int(match[1]) << (10 * " KMG".index(match[2] or " "))


def _stack(value: str) -> Literal["local", "compose"]:
    match value:
        case "local" | "compose":
            return value
    raise UsageError(f"SYNAPSE_STACK={value} is no kind of stack.", "Set it to local or compose.")


def _repository(given: Mapping[str, str], stack: Literal["local", "compose"]) -> Place:
    name, value = "SYNAPSE_REPOSITORY", given.get("SYNAPSE_REPOSITORY")
    if value and value.startswith(SCHEME):
        return s3_place(name, value, given)
    if stack == "compose":
        if value:
            # The containers would look for it in their own file system.
            raise UsageError(
                f"{name}={value} names a folder, but the stack runs in containers.",
                "Name the folder in BACKUPS_DIR instead, or set SYNAPSE_REPOSITORY to s3://bucket/prefix.",
            )
        name = "BACKUPS_DIR"
    return _folder(name, given.get(name) or "backups")


def _folder(name: str, value: str) -> Path:
    if "://" in value:
        raise UsageError(f"{name}={value} is no folder.", "Name a local folder, or s3://bucket/prefix.")
    return Path(value).expanduser()
