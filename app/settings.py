"""The settings of the service: environment, `.env` and secret files in, one frozen object out."""

import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from app.errors import SynapseError

_MODEL_URL = re.compile(r"MODEL_(?P<name>[A-Z0-9_]+)_URL")


def _url(value: str) -> str:
    if re.fullmatch(r"https?://[^\s/]+\S*", value.strip()) is None:
        raise ValueError("an address such as http://127.0.0.1:8080")
    if "@" in urlsplit(value.strip()).netloc:
        raise ValueError(
            "an address without a login, which would be shown; a key belongs into *_API_KEY_FILE"
        )
    return value.strip().rstrip("/")


def _name(value: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value) is None:
        raise ValueError("1 to 63 of a-z, 0-9, _ and -, starting with a letter or a digit")
    return value


def _host(value: str) -> str:
    name = value.strip().lower()
    with suppress(ValueError):
        if name.startswith("[") and name.endswith("]"):
            return f"[{IPv6Address(name[1:-1])}]"
    if re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?", name) is None:
        raise ValueError("names without ports, such as synapse.example or [::1]")
    return name


def _network(value: str) -> str:
    try:
        return str(ip_network(value.strip()))
    except ValueError:
        raise ValueError("addresses or networks, such as 127.0.0.1 or 172.28.0.0/16") from None


Url = Annotated[str, AfterValidator(_url)]
"""An absolute http or https address, without a trailing slash."""


class Settings(BaseModel):
    """Everything that can be set. Each field is the environment variable of the same name in capitals.

    `Settings(...)` takes only what it is given; `Settings.load` reads an environment. Each secret
    can be given in a file instead: REDIS_PASSWORD_FILE for REDIS_PASSWORD, and so on. An empty file is
    refused, but for a key of model servers (`*_API_KEY_FILE`): those may ask for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    environment: Literal["development", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    data_dir: Path = Path("data")
    collection: Annotated[str, AfterValidator(_name)] = "documents"

    redis_host: str = "127.0.0.1"
    redis_port: int = Field(default=6379, ge=1, le=65535)
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_tls: bool = False
    redis_tls_ca: Path | None = None
    redis_db: int = Field(default=0, ge=0)

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65535)
    cors_origins: tuple[Url, ...] = ()
    api_token: SecretStr | None = None
    """Whoever knows it may use the API; without one everybody on this machine may."""
    allowed_hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """The names by which the service may be called; empty means this machine and API_HOST (see `hosts`)."""
    forwarded_allow_ips: tuple[Annotated[str, AfterValidator(_network)], ...] = ("127.0.0.1/32",)
    """The proxies that are believed when they say who the client is."""
    page_dir: Path | None = None
    web_concurrency: int = Field(default=4, ge=1, le=64)
    """Workers in production (gunicorn)."""
    prometheus_multiproc_dir: Path | None = None
    """Where several workers count together; whoever starts them makes it."""

    embedding_url: Url | None = None
    embedding_model: str | None = None
    embedding_api_key: SecretStr | None = None
    model_urls: Mapping[str, Url] = Field(default_factory=dict)
    model_api_key: SecretStr | None = None

    max_document_bytes: int = Field(default=10_000_000, ge=1)
    max_sessions: int = Field(default=1_000, ge=1)
    max_turns: int = Field(default=100, ge=1)
    answer_cache_seconds: int = Field(default=3600, ge=0)
    """0 turns the answer cache off."""

    @property
    def hosts(self) -> frozenset[str]:
        """The values of a Host header, without ports, that mean this service."""
        own = () if _is_everywhere(self.api_host) else (_in_url(self.api_host.lower()),)
        return frozenset(self.allowed_hosts or ("localhost", "127.0.0.1", "[::1]", *own))

    @property
    def url(self) -> str:
        """Where the service answers a program that has the same settings."""
        host = "127.0.0.1" if _is_everywhere(self.api_host) else _in_url(self.api_host)
        return f"http://{host}:{self.api_port}"

    @classmethod
    def load(cls, environ: Mapping[str, str], env_file: Path | None = Path(".env")) -> Self:
        """Read settings from `environ`, then from `env_file` where that exists.

        An empty variable counts as not given. Raises SynapseError, which names the variable to change and
        never shows the value of a secret.
        """
        given = _from_env_file(env_file) | {name: value for name, value in environ.items() if value}
        values: dict[str, object] = {
            name: given[name.upper()] for name in cls.model_fields if name.upper() in given
        }
        values |= {name: found for name in cls._secrets() if (found := secret(name.upper(), given))}
        values["model_urls"] = {
            match["name"].lower(): url
            for name, url in sorted(given.items())
            if (match := _MODEL_URL.fullmatch(name))
        }
        try:
            return cls(**values)  # text from the environment; pydantic converts it
        except ValidationError as error:
            raise _refusal(error) from None

    @classmethod
    def _secrets(cls) -> list[str]:
        return [name for name, field in cls.model_fields.items() if field.annotation == SecretStr | None]

    @field_validator("log_level", mode="before")
    @classmethod
    def _capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("api_token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and re.fullmatch(r"[!-~]+", value.get_secret_value()) is None:
            raise ValueError("letters, digits and signs of ASCII without spaces")
        return value

    @field_validator("cors_origins", "allowed_hosts", "forwarded_allow_ips", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in value.split(",") if part.strip())
        return value


def _is_everywhere(host: str) -> bool:
    """Say whether a host to listen on means every address, and so names none."""
    return host in {"", "0.0.0.0", "::"}  # noqa: S104  # compared, not bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _from_env_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8") as lines:
        bindings = list(parse_stream(lines))
    unreadable = next((binding.original.line for binding in bindings if binding.error), None)
    if unreadable is not None:
        # What is left out without a word may be the password, or the place of the data.
        raise SynapseError(
            f"Line {unreadable} of {path} cannot be read.",
            "Write NAME=value on it, with its quotes in pairs.",
        )
    # The last line of a name counts, also when it is empty.
    values = {binding.key: binding.value for binding in bindings if binding.key}
    return {name: value for name, value in values.items() if value}


def secret(variable: str, given: Mapping[str, str]) -> str | None:
    """Return a secret from its variable or from the file that `<variable>_FILE` names; never both.

    Raises SynapseError that names the variable, and never shows the value.
    """
    path = given.get(f"{variable}_FILE")
    if path is None:
        return given.get(variable)
    if variable in given:
        raise SynapseError(
            f"Both {variable} and {variable}_FILE are given.",
            f"Keep one of them; {variable}_FILE is the safer.",
        )
    try:
        found = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SynapseError(
            f"{variable}_FILE names {path}, which cannot be read: {error}.",
            f"Make the file readable, or set {variable}_FILE to another one.",
        ) from error
    if not found and variable.endswith("_API_KEY"):
        return None
    if not found:
        raise SynapseError(f"{variable}_FILE names {path}, which is empty.", f"Write the secret into {path}.")
    return found


def _refusal(error: ValidationError) -> SynapseError:
    problems = [
        (_variable(problem["loc"]), re.sub(r"^(Value error, |Input should be )", "", problem["msg"]))
        for problem in error.errors(include_input=False, include_url=False)
    ]
    return SynapseError(
        " ".join(f"{variable} cannot be used: it should be {message}." for variable, message in problems),
        f"Correct {', '.join(variable for variable, _ in problems)} in the environment or in .env.",
    )


def _variable(location: tuple[int | str, ...]) -> str:
    if location[0] == "model_urls" and len(location) > 1:
        return f"MODEL_{str(location[1]).upper()}_URL"
    return str(location[0]).upper()
