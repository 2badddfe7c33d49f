"""What Airflow and the commands find in their environment.

Strongest first: the real environment, `.env`, the defaults of this laptop. The lake is known by
two names, the connection `lake` (Airflow) and `LAKE_BUCKET`, `LAKE_ENDPOINT_URL`, `AWS_*` (the
commands): whichever is set gives the other. When neither is, the lake is LocalStack.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.lake_settings import LakeSettings
from local.processes import LocalError

LAKE = "AIRFLOW_CONN_LAKE"
RECALLS_API = "AIRFLOW_CONN_RECALLS_API"
VIN_API = "AIRFLOW_CONN_VIN_API"
KRAKENFLEX_API = "AIRFLOW_CONN_KRAKENFLEX_API"
SHOP_API = "AIRFLOW_CONN_SHOP_API"
ECB_API = "AIRFLOW_CONN_ECB_API"
OPEN_LIBRARY_API = "AIRFLOW_CONN_OPEN_LIBRARY_API"
BOOKS_DB = "AIRFLOW_CONN_BOOKS_DB"
BOOKS_FILE = Path(__file__).resolve().parent.parent / ".local" / "books.db"
OFFICIAL_RECALLS_API = "https://data.transportation.gov"
# Of these, as of the connections, a name set to nothing is a name not set.
VIN_SETTINGS = ("VIN_DB", "VPIC_URL", "RECALLS_API_URL", "VIN_API_KEY")
# Settings of another Airflow on this machine, which would point this one at its files. Those
# meant for this project go into its `.env`.
OF_ANOTHER_AIRFLOW = re.compile(r"AIRFLOW_HOME|AIRFLOW_CONFIG|AIRFLOW__.*|PYTHON(PATH|HOME)")
# A key of the user's own account has no business with LocalStack.
OF_ANOTHER_LAKE = re.compile(r"AWS_(?!CA_BUNDLE).*")
ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
COMMENT = re.compile(r"(^|\s+)#.*")


@dataclass(frozen=True)
class Servers:
    """Where the servers of this laptop are; empty for one that is not there."""

    apis_url: str = ""
    vin_url: str = ""
    official: bool = False  # the real API instead of the local one, where a DAG can ask it


Connection = dict[str, str]


def _recalls_api(at: Servers, settings: Mapping[str, str]) -> Connection | None:
    if at.official:
        return _http(OFFICIAL_RECALLS_API, settings.get("RECALLS_APP_TOKEN"))
    return _http(at.apis_url)


def _vin_api(at: Servers, settings: Mapping[str, str]) -> Connection | None:
    return _http(at.vin_url, settings.get("VIN_API_KEY"))


def _krakenflex_api(at: Servers, _: Mapping[str, str]) -> Connection | None:
    return _http("" if at.official else at.apis_url, "local-key")


def _shop_api(at: Servers, _: Mapping[str, str]) -> Connection | None:
    api = _http("" if at.official else at.apis_url, "localonly1")
    return api and api | {"login": "buyer@headwaters.example"}


def _ecb_api(at: Servers, _: Mapping[str, str]) -> Connection | None:
    return _http("" if at.official else at.apis_url)


def _open_library_api(at: Servers, _: Mapping[str, str]) -> Connection | None:
    api = _http("" if at.official else at.apis_url)
    return api and api | {"extra": json.dumps({"contact": "https://headwaters.example"})}


def _books_db(at: Servers, _: Mapping[str, str]) -> Connection | None:
    if at.official or not at.apis_url:
        return None
    return {"conn_type": "sqlite", "host": str(BOOKS_FILE)}


def _http(host: str, password: str | None = None) -> Connection | None:
    if not host:
        return None
    api = {"conn_type": "http", "host": host}
    return api | {"password": password} if password else api


# How each connection looks against these servers, unless the user sets it; None leaves it out.
CONNECTIONS: dict[str, Callable[[Servers, Mapping[str, str]], Connection | None]] = {
    RECALLS_API: _recalls_api,
    VIN_API: _vin_api,
    KRAKENFLEX_API: _krakenflex_api,
    SHOP_API: _shop_api,
    ECB_API: _ecb_api,
    OPEN_LIBRARY_API: _open_library_api,
    BOOKS_DB: _books_db,
}


def read_environment(root: Path, real: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's settings for this project: `.env` and, over it, the real environment."""
    kept = {name: value for name, value in real.items() if not OF_ANOTHER_AIRFLOW.fullmatch(name)}
    settings = read_dotenv(root / ".env") | kept
    # A name set to nothing is a name not set: that is how one line of .env is switched off.
    for name in (LAKE, *CONNECTIONS, "LAKE_BUCKET", "LAKE_ENDPOINT_URL", *VIN_SETTINGS):
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
    vin_url: str = "",
    official: bool = False,
) -> dict[str, str]:
    """The settings with every connection that they leave open pointed at this laptop's servers."""
    connected = connect_lake(settings, bucket=bucket, localstack_url=localstack_url)
    servers = Servers(recalls_url, vin_url, official)
    for name, look in CONNECTIONS.items():
        if name not in settings and (connection := look(servers, settings)):
            connected[name] = json.dumps(connection)
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
