"""The lake's settings in both languages: an Airflow connection, and the commands' variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local.processes import LocalError

LOCAL_KEY = "test"  # LocalStack takes any
LOCAL_REGION = "us-east-1"


@dataclass(frozen=True)
class LakeSettings:
    """What the connection `lake` says, in the words of the commands' environment."""

    bucket: str
    endpoint_url: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""

    @classmethod
    def local(cls, bucket: str, endpoint_url: str) -> LakeSettings:
        return cls(bucket, endpoint_url, LOCAL_REGION, LOCAL_KEY, LOCAL_KEY)

    @classmethod
    def from_variables(cls, environment: Mapping[str, str]) -> LakeSettings:
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")
        return cls(
            environment.get("LAKE_BUCKET", ""),
            environment.get("LAKE_ENDPOINT_URL", ""),
            region,
            environment.get("AWS_ACCESS_KEY_ID", ""),
            environment.get("AWS_SECRET_ACCESS_KEY", ""),
            environment.get("AWS_SESSION_TOKEN", ""),
        )

    @classmethod
    def from_connection(cls, written: str) -> LakeSettings:
        try:
            login, password, extra = _parts_of(written)
        except (ValueError, AttributeError):
            # The connection is not shown, nor what the parser says of it: it holds a secret.
            raise LocalError(
                "AIRFLOW_CONN_LAKE is neither JSON nor a URI; .env.example shows one"
            ) from None
        services = extra.get("service_config") or {}
        return cls(
            services.get("s3", {}).get("bucket_name", ""),
            extra.get("endpoint_url", ""),
            extra.get("region_name", ""),
            login or extra.get("aws_access_key_id", ""),
            password or extra.get("aws_secret_access_key", ""),
            extra.get("aws_session_token", ""),
        )

    def as_connection(self) -> str:
        extra = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_session_token": self.session_token,
        }
        return json.dumps(
            {
                "conn_type": "aws",
                "login": self.access_key,
                "password": self.secret_key,
                "extra": {name: value for name, value in extra.items() if value}
                | {"service_config": {"s3": {"bucket_name": self.bucket}}},
            }
        )

    def as_variables(self) -> dict[str, str]:
        variables = {
            "LAKE_BUCKET": self.bucket,
            "LAKE_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }
        return {name: value for name, value in variables.items() if value}


def _parts_of(written: str) -> tuple[str, str, dict[str, Any]]:
    """Login, password and extra of a connection, which Airflow takes as JSON or as a URI."""
    if not written.lstrip().startswith("{"):
        uri = urlsplit(written)
        query = dict(parse_qsl(uri.query))
        extra = json.loads(query.pop("__extra__", "{}")) | query
        login, password = unquote(uri.username or ""), unquote(uri.password or "")
    else:
        connection = json.loads(written)
        login, password = connection.get("login") or "", connection.get("password") or ""
        extra = connection.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    for name, value in extra.items():
        if name == "service_config" and isinstance(value, str):
            extra[name] = json.loads(value)
    return login, password, extra
