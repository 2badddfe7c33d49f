"""The connection `lake`, as the lake that it leads to."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from botocore.exceptions import BotoCoreError, ClientError

from include.errors import PermanentError
from include.first.bucket import CLIENT_CONFIG, storage_options
from include.first.lake import Lake, LakeError


class LakeHook(BaseHook):
    """Keys, roles, profiles and endpoints are those of any Amazon connection.

    The extra names the bucket: `{"service_config": {"s3": {"bucket_name": "..."}}}`. The rights
    of a role are handed to Delta as they are now: open the lake anew in each task.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "lake"
    conn_type = "aws"
    hook_name = "Lake"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._lake: Lake | None = None

    def get_conn(self) -> Lake:
        if self._lake is None:
            self._lake = self._open()
        return self._lake

    def test_connection(self) -> tuple[bool, str]:
        """List the bucket: that needs the endpoint, the bucket and the keys to be right."""
        try:
            lake = self._open()
            next(lake.keys(""), None)
        except (LakeError, PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, f"the bucket {lake.bucket} can be read"

    def _open(self) -> Lake:
        # S3Hook would take a connection that is not there for an empty one; this raises.
        self.get_connection(self.conn_id)
        aws = S3Hook(aws_conn_id=self.conn_id)
        try:
            bucket = aws.service_config.get("bucket_name")
            s3: Any = aws.get_client_type(
                region_name=aws.region_name,
                config=CLIENT_CONFIG.merge(aws.config),  # the connection's own settings win
            )
            options = storage_options(
                aws.get_session(region_name=aws.region_name), s3.meta.endpoint_url
            )
        except (ValueError, AttributeError, BotoCoreError, ClientError) as error:
            raise PermanentError(
                f"the connection `{self.conn_id}` cannot be used: {error}; correct its extra"
            ) from None
        if not bucket or not isinstance(bucket, str):
            raise PermanentError(
                f"the connection `{self.conn_id}` names no bucket; add to its extra "
                '{"service_config": {"s3": {"bucket_name": "<bucket>"}}}'
            )
        return Lake(s3, bucket, options)
