"""Settings come from what they are given, and say which variable is wrong."""

from pathlib import Path

import pytest

from app.errors import SynapseError
from app.settings import Settings


def test_nothing_given_is_a_working_development_setup() -> None:
    """Without any variable the service runs on this machine alone."""
    settings = Settings.load({}, None)

    assert settings.environment == "development"
    assert settings.api_host == "127.0.0.1"
    assert settings.redis_password is None


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    """A variable of the process is stronger than the same one in .env; an empty one counts as absent."""
    env_file = tmp_path / ".env"
    env_file.write_text("REDIS_HOST=redis\nREDIS_PORT=7000\nUNKNOWN=1\nCOLLECTION=notes\n")

    settings = Settings.load({"REDIS_HOST": "other", "COLLECTION": ""}, env_file)

    assert (settings.redis_host, settings.redis_port, settings.collection) == ("other", 7000, "notes")


def test_lists_and_model_servers_are_gathered() -> None:
    """CORS_ORIGINS is split at commas; each MODEL_*_URL is a model server of that name."""
    settings = Settings.load(
        {
            "CORS_ORIGINS": "http://localhost:5173, https://synapse.example/",
            "MODEL_Q2_FAST_1_URL": "http://host.docker.internal:8080/",
            "MODEL_BIG_URL": "http://host.docker.internal:8083",
            "EMBEDDING_MODEL": "bge",
        },
        None,
    )

    assert settings.cors_origins == ("http://localhost:5173", "https://synapse.example")
    assert settings.model_urls == {
        "big": "http://host.docker.internal:8083",
        "q2_fast_1": "http://host.docker.internal:8080",
    }


def test_a_secret_may_be_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    """REDIS_PASSWORD_FILE is read without its last line end; repr hides the value."""
    secret = tmp_path / "password"
    secret.write_text("hunter 2\n")

    settings = Settings.load({"REDIS_PASSWORD_FILE": str(secret)}, None)

    assert settings.redis_password is not None
    assert settings.redis_password.get_secret_value() == "hunter 2"
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"REDIS_PORT": "many"}, "REDIS_PORT"),
        ({"ENVIRONMENT": "staging"}, "ENVIRONMENT"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"COLLECTION": "../etc"}, "COLLECTION"),
        ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ({"MODEL_BIG_URL": "localhost"}, "MODEL_BIG_URL"),
        ({"EMBEDDING_URL": "https://me:hidden@models.example", "EMBEDDING_MODEL": "m"}, "EMBEDDING_URL"),
        ({"API_TOKEN": "two words"}, "API_TOKEN"),
        ({"API_TOKEN": "schl\xfcssel"}, "API_TOKEN"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "synapse.example:443"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "http://synapse.example"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "[::1"}, "ALLOWED_HOSTS"),
        ({"FORWARDED_ALLOW_IPS": "*"}, "FORWARDED_ALLOW_IPS"),
        ({"FORWARDED_ALLOW_IPS": "127.0.0.1,nginx"}, "FORWARDED_ALLOW_IPS"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY"),
        ({"MAX_DOCUMENT_BYTES": "0"}, "MAX_DOCUMENT_BYTES"),
        ({"REDIS_PASSWORD_FILE": "/no/such/file"}, "REDIS_PASSWORD_FILE"),
    ],
)
def test_an_error_names_the_variable(environ: dict[str, str], named: str) -> None:
    """Whatever is wrong, the variable to change is in the sentence and in the remedy."""
    with pytest.raises(SynapseError) as caught:
        Settings.load(environ, None)

    assert named in caught.value.what
    assert named in caught.value.hint or "file" in caught.value.hint


def test_the_token_and_the_proxies_are_read(tmp_path: Path) -> None:
    """The token from its file, and networks as well as addresses; the token is not shown."""
    (tmp_path / "token").write_text("hunter-2-hunter-2\n")
    given = {"API_TOKEN_FILE": str(tmp_path / "token"), "FORWARDED_ALLOW_IPS": "172.28.0.0/16, ::1"}

    settings = Settings.load(given, None)

    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "hunter-2-hunter-2"
    assert "hunter" not in repr(settings)
    assert settings.forwarded_allow_ips == ("172.28.0.0/16", "::1/128")


def test_a_secret_given_twice_is_refused_without_showing_it(tmp_path: Path) -> None:
    """Two passwords cannot both be meant."""
    (tmp_path / "password").write_text("from-file")
    environ = {"REDIS_PASSWORD": "from-variable", "REDIS_PASSWORD_FILE": str(tmp_path / "password")}

    with pytest.raises(SynapseError, match="Both REDIS_PASSWORD and REDIS_PASSWORD_FILE") as caught:
        Settings.load(environ, None)

    assert "from-" not in str(caught.value)


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    """A secret file that was never filled must not mean "no password"."""
    (tmp_path / "password").write_text("\n")

    with pytest.raises(SynapseError, match="is empty"):
        Settings.load({"REDIS_PASSWORD_FILE": str(tmp_path / "password")}, None)


@pytest.mark.parametrize("name", ["MODEL_API_KEY", "EMBEDDING_API_KEY"])
def test_an_empty_file_for_a_key_of_model_servers_means_none(tmp_path: Path, name: str) -> None:
    """Those may ask for none, and the stack in containers mounts a file in any case."""
    (tmp_path / "key").write_text("\n")
    assert getattr(Settings.load({f"{name}_FILE": str(tmp_path / "key")}, None), name.lower()) is None
    (tmp_path / "key").write_text("sk-1\n")
    found = getattr(Settings.load({f"{name}_FILE": str(tmp_path / "key")}, None), name.lower())
    assert found.get_secret_value() == "sk-1"


def test_settings_cannot_be_changed_and_read_nothing_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings(...) takes its arguments alone, whatever the process environment holds."""
    monkeypatch.setenv("REDIS_HOST", "elsewhere")

    settings = Settings()

    assert settings.redis_host == "127.0.0.1"
    with pytest.raises(ValueError, match="frozen"):
        settings.redis_host = "other"  # type: ignore[misc]  # that it is refused is the test


def test_a_line_of_the_env_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named and not skipped: it may be the password. What is on it is not repeated."""
    env_file = tmp_path / ".env"
    env_file.write_text('REDIS_HOST=redis\nREDIS_PASSWORD = "half-quoted\n')

    with pytest.raises(SynapseError, match=r"Line 2 of .*\.env") as caught:
        Settings.load({}, env_file)

    assert "half-quoted" not in caught.value.what + caught.value.hint
