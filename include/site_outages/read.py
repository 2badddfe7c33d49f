"""A read: what KrakenFlex says of all outages and of the site, landed, then put together."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from typing import Any, TypedDict

from include.errors import PermanentError
from include.first.keys import OutageKeys, mint_token
from include.first.lake import Lake, columns_unlike
from include.first.quality import Check, require
from include.site_outages.contract import CONTRACT
from include.site_outages.enrich import Enriched, enrich, instant, text
from include.site_outages.krakenflex import Krakenflex, Said

log = logging.getLogger(__name__)
KEYS = OutageKeys(CONTRACT.name)
DATASET = "krakenflex"
DEFECT = "this is a defect of ours; report it with the token of the run"
ODDITIES_KEPT = 100  # all are in the log; a broken API is not to swell what tasks hand on


class OtherSource(PermanentError):
    """Data of two sources never meets in one bucket."""


class OtherColumns(PermanentError):
    """The table was made by a contract that has other columns."""


class Read(TypedDict):
    """What every task of a run starts from."""

    token: str
    run_id: str
    site_id: str
    since: str
    head_version: int


class Landed(TypedDict):
    """One answer as it lies in `raw/`."""

    key: str
    sha256: str
    publisher: str
    answered_at: str


class Staged(TypedDict):
    """What is to be posted, and what it was made of."""

    read: Read
    site_name: str | None
    payload_key: str
    sha256: str  # of the payload
    source: dict[str, str]
    observed_at: str  # when the outages were listed
    counts: dict[str, int]
    checks: list[dict[str, str]]
    oddities: list[str]


def begin(lake: Lake, site_id: str, since: str, run_id: str) -> Read:
    if instant(since) is None:
        raise PermanentError(
            f"`since` is {since!r}, which is no instant; write it as 2022-01-01T00:00:00.000Z"
        )
    head = lake.head(KEYS.table)
    if differ := columns_unlike(head, CONTRACT.schema):
        raise OtherColumns(
            f"the table has other columns or types than the contract ({', '.join(differ)}); "
            "nothing was read. A contract with other columns needs a bucket of its own"
        )
    return Read(
        token=mint_token(), run_id=run_id, site_id=site_id, since=since, head_version=head.version
    )


def land_outages(api: Krakenflex, lake: Lake, read: Read) -> Landed:
    return _land(lake, read, "outages", api.outages())


def land_site(api: Krakenflex, lake: Lake, read: Read) -> Landed:
    return _land(lake, read, "site", api.site(read["site_id"]))


def _land(lake: Lake, read: Read, what: str, said: Said) -> Landed:
    refuse_other_source(lake.head(KEYS.table).receipt, said.publisher)
    # A task that is tried again gets another answer, which needs a place of its own.
    key = KEYS.raw(read["token"], f"{what}-{mint_token()}", 0)
    lake.put(key, said.gzipped)
    log.info("landed %s: %d bytes", key, len(said.gzipped))
    sha256 = hashlib.sha256(said.gzipped).hexdigest()
    return Landed(key=key, sha256=sha256, publisher=said.publisher, answered_at=said.answered_at)


def refuse_other_source(record: dict[str, Any], publisher: str) -> None:
    """A receipt, or the record of a delivery, says whose data this bucket has."""
    asked = source_of(publisher)
    if (holds := record.get("source", asked)) != asked:
        raise OtherSource(
            f"{KEYS.folder} holds what {holds['dataset']} ({holds['publisher']}) said, and "
            f"{asked['dataset']} ({publisher}) is asked; nothing was posted. "
            "Use another bucket for another source"
        )


def source_of(publisher: str) -> dict[str, str]:
    return {"dataset": DATASET, "publisher": publisher}


def stage(lake: Lake, read: Read, outages: Landed, site: Landed) -> Staged:
    """Make the payload of the two answers; say what is odd about them."""
    if outages["publisher"] != site["publisher"]:
        raise OtherSource(
            f"the outages are {outages['publisher']} and the site is {site['publisher']}; "
            "nothing was posted. Start a new run"
        )
    listed, described = _taken(lake, outages), _taken(lake, site)
    since = instant(read["since"])
    if since is None:
        raise PermanentError(f"`since` is {read['since']!r}, which is no instant")
    made = enrich(listed, described, since)
    for oddity in made.oddities:
        log.warning("%s", oddity)
    counts = {
        "listed": len(listed),
        "of_others": made.of_others,
        "too_early": made.too_early,
        "repeated": made.repeated,
        "set_aside": made.set_aside,
        "posted": len(made.payload),
    }
    checks = require([_adds_up(counts)])
    payload = as_posted(made)
    sha256 = hashlib.sha256(payload).hexdigest()
    payload_key = KEYS.staging(read["token"], f"payload-{sha256}.json")
    lake.put(payload_key, payload)
    return Staged(
        read=read,
        site_name=text(described.get("name")),
        payload_key=payload_key,
        sha256=sha256,
        source=source_of(outages["publisher"]),
        observed_at=outages["answered_at"],
        counts={**counts, "oddities": len(made.oddities)},
        checks=[check.told() for check in checks],
        oddities=[str(oddity) for oddity in made.oddities[:ODDITIES_KEPT]],
    )


def _adds_up(counts: dict[str, int]) -> Check:
    """Every outage that was listed has one place; looked at before anything is posted."""
    listed, *parts = counts.values()
    return Check(
        "listed = of other sites + too early + listed twice + set aside + posted",
        listed == sum(parts),
        f"{listed} = {' + '.join(str(part) for part in parts)}",
        DEFECT,
    )


def as_posted(made: Enriched) -> bytes:
    """The payload as it travels: the same outages give the same bytes."""
    return json.dumps(made.payload).encode()


def _taken(lake: Lake, landed: Landed) -> Any:
    body = lake.get(landed["key"])
    if hashlib.sha256(body).hexdigest() != landed["sha256"]:
        raise PermanentError(
            f"s3://{lake.bucket}/{landed['key']} is not what was landed (sha256 differs); "
            "start a new run"
        )
    return json.loads(gzip.decompress(body))
