"""The public address of the site, for links from outside of it."""

import os
import re

from include.errors import PermanentError

SITE_URL = "SITE_URL"
ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?(/[^\s?#<>\"]*)?")


def site_url() -> str:
    """With a slash at its end; empty if it is not known, and then links are relative."""
    address = os.environ.get(SITE_URL, "").strip()
    if address and not ADDRESS.fullmatch(address):
        raise PermanentError(
            f"SITE_URL is {address!r}, which is not the address of a site; write one such as "
            "https://recalls.example.org/, or leave it out"
        )
    return f"{address.rstrip('/')}/" if address else ""
