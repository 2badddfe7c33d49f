"""The rows of a page: each as its own JSON text, and their row ids."""

import json
import re

import msgspec

from include.http.errors import UnexpectedBody


class _Row(msgspec.Struct):
    id: str = msgspec.field(name=":id")


ROW_IDS = msgspec.json.Decoder(list[_Row])


def split_rows(body: bytes) -> list[bytes]:
    """The rows of a page, each as its own JSON text."""
    try:
        return [bytes(row) for row in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except RecursionError:
        # A field nested a thousand deep: SODA writes one row per line, so the others can be read.
        return re.split(rb"\n,", body.strip()[1:-1].strip())
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Half a character is valid to other readers: such a row is quarantined by itself.
        lines = re.split(rb"\n,", body.strip()[1:-1].strip())
        try:
            if body.lstrip()[:2] == b"[{" and len(json.loads(body)) == len(lines):
                return lines
        except (ValueError, TypeError, RecursionError):
            pass
        raise UnexpectedBody("the body is not a complete list of rows in JSON; run again") from None


def row_ids(body: bytes) -> list[str]:
    """The `:id` of each row; UnexpectedBody when a row has none."""
    try:
        return [row.id for row in ROW_IDS.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    # Slower, and tolerant of anything but a missing id.
    found = [re.search(rb'":id"\s*:\s*"([^"\\]+)"', row) for row in split_rows(body)]
    if not all(found):
        raise UnexpectedBody("rows came without :id; check that the host is a SODA server")
    return [match[1].decode(errors="replace") for match in found if match]
