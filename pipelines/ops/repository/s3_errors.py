"""What went wrong at an S3 store, as the error kinds of the port and with what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from pipelines.ops.errors import OpsError, UnreachableError, UsageError
from pipelines.ops.repository.place import S3Place
from pipelines.ops.repository.store import (
    AbsentError,
    ArchivedError,
    KeyTakenError,
    LockedError,
    StoreFullError,
)

ABSENT = ("NoSuchKey", "404", "NotFound")
TAKEN = ("PreconditionFailed", "412")
BUSY = ("ConditionalRequestConflict", "OperationAborted", "409")
"""Another writer is at the same key in this moment."""
UNCONDITIONAL = ("NotImplemented", "501")
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307")
_FULL = (
    "InsufficientStorage",
    "QuotaExceeded",
    "StorageFull",
    "XMinioStorageFull",
    "InsufficientCapacity",
    "507",
)
_REASONS = (
    (
        ("AccessDenied", "AllAccessDisabled", "403", "Forbidden"),
        "access is denied",
        "Give this user the rights s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there.",
    ),
    (
        (
            "InvalidAccessKeyId",
            "XAdminUserNotFound",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "401",
        ),
        "the store does not take these credentials ({code})",
        "Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the files that their _FILE names.",
    ),
    (
        ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
        "these credentials have expired ({code})",
        "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to new ones.",
    ),
    (
        ("RequestTimeTooSkewed", "RequestExpired"),
        "the clock of this machine is not the store's",
        "Set the clock of this machine right.",
    ),
    (
        (
            "SlowDown",
            "ServiceUnavailable",
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "503",
        ),
        "the store asks to slow down",
        "Run the command again later.",
    ),
    (_FULL, "the store is full", "Make room there, or name another bucket."),
    (
        _ELSEWHERE,
        "the store sends to another region or address",
        "Set AWS_REGION to the region of the bucket.",
    ),
    (BUSY, "others write it at the same moment", "Run the command again."),
)
_SHOWN = 200
_LOCKS_NOTHING = ("missing object lock", "missing objectlock")
_NO_CREDENTIALS = (CredentialRetrievalError, LoginError, SSOError, TokenRetrievalError)
_SILENCES: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (SSLError,),
        "the certificate of {where} is not trusted",
        "Set AWS_CA_BUNDLE to the file of its authority.",
    ),
    (
        (EndpointConnectionError, ConnectTimeoutError),
        "{where} cannot be reached",
        "Look at the network, and at AWS_ENDPOINT_URL_S3.",
    ),
    ((ReadTimeoutError,), "{where} does not answer", "Look at the store; try again."),
    ((ResponseParserError,), "{where} gives answers that are none", "Look at what is before the store."),
)


@contextmanager
def sentences(place: S3Place, verb: str, key: str) -> Iterator[None]:
    """Turn what botocore raises in the block into the errors of the port. No secret is in any of them."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error, place, verb, key) from error
    except (BotoCoreError, ResponseParserError, OSError) as error:
        raise _silence(error, place, f"Cannot {verb} {key} in {named(place)}") from error


def named(place: S3Place) -> str:
    """Return what an operator calls the place."""
    return f"{place} at {place.endpoint}" if place.endpoint else str(place)


def code_of(error: ClientError) -> str:
    """Return the store's own code, or the HTTP status where the answer has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refusal(error: ClientError, place: S3Place, verb: str, key: str) -> OpsError:
    code = code_of(error)
    failed = f"Cannot {verb} {key} in {named(place)}"
    if code == "NoSuchBucket":
        return UnreachableError(
            f"{failed}: there is no bucket {place.bucket}.",
            "Make the bucket, or correct SYNAPSE_REPOSITORY.",
        )
    if code in ABSENT:
        return AbsentError(f"{failed}: it is not there.", "Look at what is there, and at the prefix.")
    if code in TAKEN:
        return KeyTakenError(f"{failed}: it is there already.", "It is left as it was.")
    region = _region_of(error)
    if region and code in (*_ELSEWHERE, "400"):
        return UnreachableError(f"{failed}: the bucket is in region {region}.", f"Set AWS_REGION={region}.")
    kept = _kept(error, place, failed)
    if kept is not None:
        return kept
    what, hint = _reason(code, error)
    kind = StoreFullError if code in _FULL else UnreachableError
    return kind(f"{failed}: {what}.", hint)


def _kept(error: ClientError, place: S3Place, failed: str) -> OpsError | None:
    """Return what is to be said of locks and archives."""
    code = code_of(error)
    if code == "ObjectLockConfigurationNotFoundError" or _says(error, *_LOCKS_NOTHING):
        return UsageError(
            f"{failed}: the bucket {place.bucket} locks nothing.",
            "Make a bucket with object lock, or take SYNAPSE_S3_OBJECT_LOCK_DAYS away.",
        )
    if _says(error, "object lock", "worm protected"):
        return LockedError(f"{failed}: the store has it locked.", "Wait until its lock is over.")
    if code == "InvalidObjectState":
        return ArchivedError(
            f"{failed}: the store has moved it to an archive.", "Restore that object there, then try again."
        )
    return None


def _says(error: ClientError, *words: str) -> bool:
    """Tell whether the store's own words have one of these; of locks every store has other codes."""
    said = str(error.response.get("Error", {}).get("Message", "")).lower()
    return any(word in said for word in words)


def _reason(code: str, error: ClientError) -> tuple[str, str]:
    for codes, what, hint in _REASONS:
        if code in codes:
            return what.format(code=code), hint
    said = str(error.response.get("Error", {}).get("Message", ""))[:_SHOWN].strip().rstrip(".")
    return f"the store says {code}: {said}", "Look at the log of the store, and run the command again."


def _silence(error: Exception, place: S3Place, failed: str) -> OpsError:
    """Say why there was no answer at all."""
    where = place.endpoint or "S3"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return UsageError(
            f"{failed}: there are no credentials for it.",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or their _FILEs.",
        )
    if isinstance(error, _NO_CREDENTIALS):
        return UsageError(
            f"{failed}: the credentials for it cannot be had ({type(error).__name__}).",
            "Look at the AWS configuration of this user, and log in again where it asks for that.",
        )
    for kinds, what, hint in _SILENCES:
        if isinstance(error, kinds):
            return UnreachableError(f"{failed}: {what.format(where=where)}.", hint)
    return UnreachableError(
        f"{failed}: the connection to {where} broke ({type(error).__name__}).", "Run the command again."
    )


def _region_of(error: ClientError) -> str | None:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    return str(region) if region else None
