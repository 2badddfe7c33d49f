"""The store that the environment names, for commands and scripts."""

import os
from collections.abc import Mapping
from typing import Any

from include.errors import PermanentError
from include.lake.store import Store

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def connect(environment: Mapping[str, str] = os.environ) -> Store:
    """Open the bucket `LAKE_BUCKET`; credentials are found the way AWS tools find them."""
    bucket = environment.get("LAKE_BUCKET")
    if not bucket:
        raise PermanentError(
            "LAKE_BUCKET is not set; name the bucket of the lake, or use `make lake`, "
            "which sets it to the one on this laptop"
        )
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    options = endpoint_options(environment.get("LAKE_ENDPOINT_URL"))
    if environment.get("AWS_ACCESS_KEY_ID"):
        options |= {name: environment[name] for name in KEYS if environment.get(name)}
    elif environment.get("AWS_PROFILE"):
        import boto3
        from botocore.exceptions import BotoCoreError

        profile = environment["AWS_PROFILE"]
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            options |= session_options(session)
        except BotoCoreError as error:
            raise PermanentError(f"AWS_PROFILE is {profile!r}: {error}") from None
        region = region or session.region_name
    return Store(bucket, **options, AWS_REGION=region or "us-east-1")


def endpoint_options(endpoint_url: str | None) -> dict[str, str]:
    """What both Rust libraries need to reach an S3 that is not AWS's own."""
    if not endpoint_url:
        return {}
    options = {"AWS_ENDPOINT_URL": endpoint_url.rstrip("/")}
    if endpoint_url.startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def session_options(session: Any) -> dict[str, str]:
    """The credentials that a boto3 session resolves now: a profile's, a role's, those of SSO."""
    credentials = session.get_credentials()
    if credentials is None:
        return {}
    frozen = credentials.get_frozen_credentials()
    values = (frozen.access_key, frozen.secret_key, frozen.token)
    return {name: value for name, value in zip(KEYS, values, strict=True) if value}
