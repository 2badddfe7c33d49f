"""Create the bucket that LAKE_BUCKET names, unless it exists.

Example: python -m include.cli create
"""

import argparse
from typing import Any

from include.errors import PermanentError
from include.lake.store import Store, StoreRefused


def run(store: Store, _: argparse.Namespace) -> int:
    verb = "created" if create_bucket(store) else "found"
    print(f"{verb} the bucket {store.bucket}")
    return 0


def bucket_exists(store: Store) -> bool:
    try:
        store.list("", recursive=False)
    except StoreRefused as error:
        if "NoSuchBucket" in str(error):
            return False
        raise
    return True


def create_bucket(store: Store) -> bool:
    """Create a bucket that does not exist; the Rust client has no such call."""
    if bucket_exists(store):
        return False
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
        client.create_bucket(Bucket=store.bucket, **(place if region != "us-east-1" else {}))
    except (BotoCoreError, ClientError) as error:
        raise PermanentError(f"could not create the bucket {store.bucket}: {error}") from None
    return True
