"""The client of an S3 store: boto3 with bounded patience, for every S3-compatible endpoint."""

import os
import sys
from collections.abc import Callable

from pydantic import SecretStr

from pipelines.ops.errors import UsageError
from pipelines.ops.repository.place import S3Place

try:
    import boto3
    import botocore.exceptions
    from botocore.config import Config
except ImportError as error:
    raise UsageError(
        "A repository on S3 needs the package boto3, which is not installed.",
        f"In the project's folder run `{sys.executable} -m pip install --require-hashes"
        " -r requirements-s3.lock`.",
    ) from error

from pipelines.ops.repository.s3 import GLANCES, S3Store
from pipelines.ops.repository.s3_patience import Patience

PATIENCE = Patience()


def opened(place: S3Place, say: Callable[[str], None], patience: Patience = PATIENCE) -> S3Store:
    """Return the store at a place, reached with the credentials of the place or of this machine.

    Raises UsageError when the AWS configuration cannot be used.
    """
    if place.ca is not None and not os.access(place.ca, os.R_OK):
        raise UsageError(
            f"AWS_CA_BUNDLE names {place.ca}, which cannot be read.",
            "Name a file with the authorities to trust.",
        )
    try:
        session = boto3.session.Session(
            aws_access_key_id=_text(place.access_key),
            aws_secret_access_key=_text(place.secret_key),
            aws_session_token=_text(place.session_token),
            region_name=place.region,
        )
        client = session.client(
            "s3",
            endpoint_url=place.endpoint,
            verify=str(place.ca) if place.ca else None,
            config=_config(place, patience),
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(
            f"{place} cannot be opened: {error}.",
            "Look at the AWS_ variables and at the AWS configuration of this user.",
        ) from error
    return S3Store(client, place, say, patience)


def _config(place: S3Place, patience: Patience) -> Config:
    return Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        # Tried again by our own hand, where a body that breaks off is tried again too.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=GLANCES,
        s3={"addressing_style": "path" if place.path_style else "auto"},
        # Sums are sent by our own hand: the trailer that botocore would add is refused by many stores.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_supported",
    )


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
