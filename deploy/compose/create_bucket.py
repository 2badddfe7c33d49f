"""LocalStack runs this at each start, because it loses its buckets when it stops."""

import os

import boto3

boto3.client(
    "s3",
    endpoint_url="http://127.0.0.1:4566",
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",  # noqa: S106 - LocalStack takes any
).create_bucket(Bucket=os.environ["LAKE_BUCKET"])
