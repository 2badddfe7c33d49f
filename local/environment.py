"""What Airflow, the commands and the VIN service find in their environment.

Strongest first: the real environment, `.env`, the defaults of this laptop. A lake is named by
LAKE_BUCKET, LAKE_ENDPOINT_URL and AWS_*; Airflow's connection `lake` is made from them.
"""

import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from local.processes import LocalError, Misuse

LAKE = "AIRFLOW_CONN_LAKE"
RECALLS_API = "AIRFLOW_CONN_RECALLS_API"
VIN_API = "AIRFLOW_CONN_VIN_API"
OFFICIAL_RECALLS_API = "https://data.transportation.gov"
BUCKET, LIVE_BUCKET = "headwaters", "headwaters-live"
# Where each bucket of the local S3 is kept, and where reports say that its files are.
FOLDERS = {BUCKET: "s3_bucket", LIVE_BUCKET: "s3_bucket_live"}
LOCAL_FOLDER = "HEADWATERS_LOCAL_FOLDER"
LOCAL_KEY, LOCAL_REGION = "test", "us-east-1"  # the local S3 takes any
BOOKS_FILE = Path(__file__).resolve().parent.parent / ".local" / "books.db"
# Settings of another Airflow on this machine, which would point this one at its files. Those
# meant for this project go into its `.env`.
OF_ANOTHER_AIRFLOW = re.compile(r"AIRFLOW_HOME|AIRFLOW_CONFIG|AIRFLOW__.*|PYTHON(PATH|HOME)")
# The user's own account has no business with the local S3.
OF_ANOTHER_LAKE = re.compile(r"(AWS_(?!CA_BUNDLE)|LAKE_).*")
# Set to nothing, these are not set: that is how one line of `.env` is switched off.
OURS = re.compile(r"(AIRFLOW_CONN|LAKE|RECALLS|VIN|VPIC)_.*")


def read_environment(root: Path, real: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's settings for this project: `.env` and, over it, the real environment."""
    settings = read_dotenv(root / ".env") | {
        name: value for name, value in real.items() if not OF_ANOTHER_AIRFLOW.fullmatch(name)
    }
    settings = {n: value for n, value in settings.items() if value or not OURS.fullmatch(n)}
    if LAKE in settings:
        raise Misuse(
            f"{LAKE} is set; name the lake with LAKE_BUCKET, LAKE_ENDPOINT_URL and AWS_*, "
            "from which make's targets make that connection (.env.example has a recipe)"
        )
    if "LAKE_ENDPOINT_URL" in settings and "LAKE_BUCKET" not in settings:
        raise Misuse("LAKE_ENDPOINT_URL is set without LAKE_BUCKET; set both, or neither")
    return settings


def local_bucket(settings: Mapping[str, str], *, live: bool = False) -> str:
    """The bucket of the local S3 to use; none where the user names a lake."""
    return "" if "LAKE_BUCKET" in settings else LIVE_BUCKET if live else BUCKET


def connect(
    settings: Mapping[str, str],
    *,
    bucket: str = "",
    s3_url: str = "",
    fakes_url: str = "",
    vin_url: str = "",
    official: bool = False,
) -> dict[str, str]:
    """The settings, with every connection that they leave open pointed at these servers."""
    found = api_connections(settings, fakes_url, vin_url, official=official)
    return {name: json.dumps(value) for name, value in found.items()} | connect_lake(
        settings, bucket=bucket, s3_url=s3_url
    )


def api_connections(
    settings: Mapping[str, str], fakes_url: str, vin_url: str, *, official: bool = False
) -> dict[str, dict[str, Any]]:
    """How each connection looks against these servers; without its server it is left out."""
    found: dict[str, dict[str, Any]] = {}
    if fakes_url:
        api = {"conn_type": "http", "host": fakes_url}
        found = {
            RECALLS_API: api,
            "AIRFLOW_CONN_KRAKENFLEX_API": api | {"password": "local-key"},
            "AIRFLOW_CONN_SHOP_API": api
            | {"login": "buyer@headwaters.example", "password": "localonly1"},
            "AIRFLOW_CONN_ECB_API": api,
            "AIRFLOW_CONN_OPEN_LIBRARY_API": api
            | {"extra": {"contact": "https://headwaters.example"}},
            "AIRFLOW_CONN_BOOKS_DB": {"conn_type": "sqlite", "host": str(BOOKS_FILE)},
        }
    if official:
        found[RECALLS_API] = _with_password(OFFICIAL_RECALLS_API, settings.get("RECALLS_APP_TOKEN"))
    if vin_url:
        found[VIN_API] = _with_password(vin_url, settings.get("VIN_API_KEY"))
    return found


def connect_lake(
    settings: Mapping[str, str], *, bucket: str = "", s3_url: str = ""
) -> dict[str, str]:
    """The settings, with the lake as a connection too; the local S3's where they name none."""
    connected = dict(settings)
    connected.pop(LOCAL_FOLDER, None)
    if "LAKE_BUCKET" not in settings:
        connected = {n: value for n, value in connected.items() if not OF_ANOTHER_LAKE.fullmatch(n)}
        connected |= local_lake(bucket, s3_url)
        if bucket in FOLDERS:
            connected[LOCAL_FOLDER] = FOLDERS[bucket]
    connected[LAKE] = lake_connection(connected)
    for name in ("NO_PROXY", "no_proxy"):  # a proxy is for the world outside, not for 127.0.0.1
        others = settings.get(name, "")
        connected[name] = ",".join(filter(None, [others, "127.0.0.1", "localhost"]))
    return connected


def local_lake(bucket: str, s3_url: str) -> dict[str, str]:
    """A bucket of the local S3, as the commands' variables."""
    return {
        "LAKE_BUCKET": bucket,
        "LAKE_ENDPOINT_URL": s3_url,
        "AWS_ENDPOINT_URL": s3_url,  # of the tools of AWS, which would ask AWS itself
        "AWS_REGION": LOCAL_REGION,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "AWS_ACCESS_KEY_ID": LOCAL_KEY,
        "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
    }


def lake_connection(variables: Mapping[str, str]) -> str:
    """The commands' variables as an Airflow connection; what they leave out, boto3 looks for."""
    extra = {
        "endpoint_url": variables.get("LAKE_ENDPOINT_URL"),
        "region_name": variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
        "aws_session_token": variables.get("AWS_SESSION_TOKEN"),
        "service_config": {"s3": {"bucket_name": variables["LAKE_BUCKET"]}},
    }
    return json.dumps(
        {
            "conn_type": "aws",
            "login": variables.get("AWS_ACCESS_KEY_ID", ""),
            "password": variables.get("AWS_SECRET_ACCESS_KEY", ""),
            "extra": {name: value for name, value in extra.items() if value},
        }
    )


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=VALUE a line, as docker compose reads it: quotes and comments, but no expansion."""
    values = {}
    with path.open(encoding="utf-8") if path.exists() else io.StringIO() as lines:
        for found in parse_stream(lines):
            if found.error or (found.key and found.value is None):
                # The line is not shown: it may hold a secret.
                number = found.original.line
                raise LocalError(f"line {number} of {path} is not NAME=VALUE; correct it")
            if found.key and found.value is not None:
                values[found.key] = found.value
    return values


def _with_password(host: str, password: str | None) -> dict[str, Any]:
    return {"conn_type": "http", "host": host} | ({"password": password} if password else {})
