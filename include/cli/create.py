"""Create the bucket that LAKE_BUCKET names, unless it exists."""

import argparse
from typing import Any

from include.cli.output import Output
from include.errors import PermanentError
from include.lake.store import Store


def add_arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(store: Store, _: argparse.Namespace, output: Output) -> int:
    made = create_bucket(store)
    output.line(f"{'created' if made else 'found'} the bucket {store.bucket}")
    return 0


def create_bucket(store: Store) -> bool:
    """Create a bucket that does not exist; the Rust client has no such call."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    options = store.options
    region = options.get("AWS_REGION", "us-east-1")
    client: Any = boto3.client(
        "s3",
        endpoint_url=options.get("AWS_ENDPOINT_URL"),
        region_name=region,
        aws_access_key_id=options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=options.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=options.get("AWS_SESSION_TOKEN"),
    )
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.head_bucket(Bucket=store.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise PermanentError(f"could not look for the bucket {store.bucket}: {error}") from None
    except BotoCoreError as error:
        raise PermanentError(f"could not look for the bucket {store.bucket}: {error}") from None
    else:
        return False
    try:
        client.create_bucket(Bucket=store.bucket, **(place if region != "us-east-1" else {}))
    except (BotoCoreError, ClientError) as error:
        if "BucketAlreadyOwnedByYou" not in str(error):
            raise PermanentError(f"could not create the bucket {store.bucket}: {error}") from None
    return True
