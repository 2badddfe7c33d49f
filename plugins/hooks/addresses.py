"""Where a connection of the type http leads: its host, with scheme and port wherever they stand."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from airflow.sdk import Connection

from include.errors import PermanentError


def base_url(connection: Connection, conn_id: str, official_host: str) -> str:
    """Without a scheme, in the host or in the schema, https is meant."""
    host = (connection.host or "").strip()
    if not host:
        raise PermanentError(f"the connection `{conn_id}` has no host; set it to {official_host}")
    try:
        url = urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")
    except ValueError:
        raise PermanentError(
            f"the host of the connection `{conn_id}` is no address; set it to {official_host}"
        ) from None
    if connection.port and not re.search(r":\w+$", url.netloc):
        url = url._replace(netloc=f"{url.netloc}:{connection.port}")
    return url.geturl()
