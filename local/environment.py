"""What Airflow and the commands find in their environment.

Strongest first: the real environment, `.env`, the defaults of this laptop. The lake is known by
two names, the connection `lake` (Airflow) and `LAKE_BUCKET`, `LAKE_ENDPOINT_URL`, `AWS_*` (the
commands): whichever is set gives the other. When neither is, the lake is LocalStack.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from local.lake_settings import LakeSettings
from local.processes import LocalError

LAKE = "AIRFLOW_CONN_LAKE"
RECALLS_API = "AIRFLOW_CONN_RECALLS_API"
OFFICIAL_RECALLS_API = "https://data.transportation.gov"
# Settings of another Airflow on this machine, which would point this one at its files. Those
# meant for this project go into its `.env`.
OF_ANOTHER_AIRFLOW = re.compile(r"AIRFLOW_HOME|AIRFLOW_CONFIG|AIRFLOW__.*|PYTHON(PATH|HOME)")
# A key of the user's own account has no business with LocalStack.
OF_ANOTHER_LAKE = re.compile(r"AWS_(?!CA_BUNDLE).*")
ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
COMMENT = re.compile(r"(^|\s+)#.*")


def read_environment(root: Path, real: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's settings for this project: `.env` and, over it, the real environment."""
    kept = {name: value for name, value in real.items() if not OF_ANOTHER_AIRFLOW.fullmatch(name)}
    settings = read_dotenv(root / ".env") | kept
    # A name set to nothing is a name not set: that is how one line of .env is switched off.
    for name in (LAKE, RECALLS_API, "LAKE_BUCKET", "LAKE_ENDPOINT_URL"):
        if not settings.get(name, "x"):
            del settings[name]
    return settings


def has_own_lake(settings: Mapping[str, str]) -> bool:
    """Whether the user names a lake, so that LocalStack is not needed."""
    if "LAKE_ENDPOINT_URL" in settings and not {LAKE, "LAKE_BUCKET"} & settings.keys():
        raise LocalError("LAKE_ENDPOINT_URL is set without LAKE_BUCKET; set both, or neither")
    return LAKE in settings or "LAKE_BUCKET" in settings


def connect(
    settings: Mapping[str, str],
    *,
    bucket: str = "",
    localstack_url: str = "",
    recalls_url: str = "",
    official: bool = False,
) -> dict[str, str]:
    """The settings with every connection that they leave open pointed at this laptop's servers."""
    connected = connect_lake(settings, bucket=bucket, localstack_url=localstack_url)
    if RECALLS_API not in settings:
        api = {"conn_type": "http", "host": OFFICIAL_RECALLS_API if official else recalls_url}
        if official and settings.get("RECALLS_APP_TOKEN"):
            api["password"] = settings["RECALLS_APP_TOKEN"]
        connected[RECALLS_API] = json.dumps(api)
    return connected


def connect_lake(
    settings: Mapping[str, str], *, bucket: str = "", localstack_url: str = ""
) -> dict[str, str]:
    """The settings with the lake under both of its names; LocalStack's where they have neither."""
    connected = dict(settings)
    if not has_own_lake(settings):
        connected = {
            name: value for name, value in connected.items() if not OF_ANOTHER_LAKE.fullmatch(name)
        }
        lake = LakeSettings.local(bucket, localstack_url)
        connected |= {LAKE: lake.as_connection(), **lake.as_variables()}
    elif LAKE in settings:
        connected = LakeSettings.from_connection(settings[LAKE]).as_variables() | connected
    else:
        connected[LAKE] = LakeSettings.from_variables(settings).as_connection()
    return connected | _reaching_this_laptop(connected)


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=VALUE a line, as docker compose reads it: quotes and comments, but no expansion."""
    if not path.exists():
        return {}
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not (match := ASSIGNMENT.fullmatch(line.strip())):
            # The line is not shown: it may hold a secret.
            raise LocalError(f"line {number} of {path} is not NAME=VALUE; correct it")
        name, value = match.groups()
        if quoted := QUOTED.fullmatch(value):
            single, double = quoted.groups()
            values[name] = single if double is None else re.sub(r"\\(.)", r"\1", double)
        else:
            values[name] = COMMENT.sub("", value)
    return values


def _reaching_this_laptop(settings: Mapping[str, str]) -> dict[str, str]:
    """A proxy of the user's is for the world outside, not for 127.0.0.1."""
    reached = {}
    for name in ("NO_PROXY", "no_proxy"):
        others = settings.get(name, "")
        reached[name] = ",".join(filter(None, [others, "127.0.0.1", "localhost"]))
    return reached
