"""The connection `lake`, as the bucket that it names."""

from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.lake.connect import endpoint_options, session_options
from include.lake.store import Store, StoreError

RESOLVED_BY_BOTO3 = {"profile_name", "role_arn", "assume_role_method", "session_kwargs"}
BUCKET_EXTRA = '{"service_config": {"s3": {"bucket_name": "<bucket>"}}}'


class StoreHook(BaseHook):
    """Keys, roles, profiles and endpoints are those of any Amazon connection; the extra names the
    bucket: `{"service_config": {"s3": {"bucket_name": "..."}}}`.

    The credentials of a role are those of this moment: open the store anew in each task.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "lake"
    conn_type = "aws"
    hook_name = "Lake"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Store:
        connection = self.get_connection(self.conn_id)
        extra = connection.extra_dejson
        try:
            s3 = extra["service_config"]["s3"]
            bucket = s3["bucket_name"]
        except (KeyError, TypeError):
            raise PermanentError(
                f"the connection `{self.conn_id}` names no bucket; add to its extra {BUCKET_EXTRA}"
            ) from None
        credentials = self._plain_keys(connection, extra) or self._resolved()
        region = extra.get("region_name") or credentials.pop("AWS_REGION", "") or "us-east-1"
        endpoint = str(s3.get("endpoint_url") or extra.get("endpoint_url") or "")
        return Store(str(bucket), **endpoint_options(endpoint), **credentials, AWS_REGION=region)

    def test_connection(self) -> tuple[bool, str]:
        """List the top of the bucket, which needs endpoint, bucket and keys to be right."""
        try:
            store = self.get_conn()
            store.list("", recursive=False)
        except (StoreError, PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, f"the bucket {store.bucket} is readable"

    def _plain_keys(self, connection: Connection, extra: dict[str, Any]) -> dict[str, str]:
        if RESOLVED_BY_BOTO3 & extra.keys():
            return {}
        access_key = connection.login or extra.get("aws_access_key_id")
        secret_key = connection.password or extra.get("aws_secret_access_key")
        if not access_key or not secret_key:
            return {}
        token = extra.get("aws_session_token")
        return {
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            **({"AWS_SESSION_TOKEN": token} if token else {}),
        }

    def _resolved(self) -> dict[str, str]:
        """The credentials of a profile, a role or SSO, as the Amazon provider finds them."""
        # Slow to import, and needed for these alone.
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            session = S3Hook(aws_conn_id=self.conn_id).get_session()
            return session_options(session) | {"AWS_REGION": session.region_name or ""}
        except (ValueError, AttributeError, BotoCoreError, ClientError) as error:
            raise PermanentError(
                f"the connection `{self.conn_id}` cannot be used: {error}; correct its extra"
            ) from None
