"""The VIN service as a server of this laptop: how it is started, and when it serves."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.environment import connect_lake

VIN_SERVICE = "the VIN service"
ANSWERS_WITHIN_S = 2


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "include.vin_service", "--port", str(port)]


def needs_local_apis(settings: Mapping[str, str]) -> bool:
    """Whether vPIC has to be stood in for; made-up recalls of real vehicles would say nothing."""
    return "VPIC_URL" not in settings


def service_environment(
    root: Path,
    settings: Mapping[str, str],
    *,
    bucket: str = "",
    localstack_url: str = "",
    apis_url: str = "",
) -> dict[str, str]:
    """What it finds: the user's own settings first, then this laptop's servers.

    Without local APIs it asks the real ones. Each source has a cache of its own, so that made-up
    and real vehicles never meet in one.
    """
    connected = connect_lake(settings, bucket=bucket, localstack_url=localstack_url)
    cache = "own" if "VPIC_URL" in settings else "made-up" if apis_url else "live"
    defaults = {"VIN_DB": str(root / ".local" / "vin" / f"{cache}.db")}
    if apis_url:
        defaults |= {"VPIC_URL": f"{apis_url}/api", "RECALLS_API_URL": apis_url}
    return defaults | connected | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}


def serves(url: str) -> bool:
    """Whether it answers, which needs no key."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=ANSWERS_WITHIN_S
    )
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
