"""A read made again from the pages that it landed, without asking the API."""

from __future__ import annotations

import heapq
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import PermanentError
from include.first.bucket import Missing
from include.first.keys import Keys, mint_token
from include.first.lake import Head, Lake, LakeError
from include.first.overlay import Overlay
from include.first.parquet import to_parquet
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.extract import Landed, Part, Read, refuse_other_source
from include.vehicle_recalls.partition import partition
from include.vehicle_recalls.reconcile import reconcile
from include.vehicle_recalls.state import year_states
from include.vehicle_recalls.write import write_parquet

KEYS = Keys(CONTRACT.name)
TOKEN = re.compile(r"[0-9A-Za-z-]+")
READS_NAMED = 3


class RawGone(PermanentError):
    """What a read landed is not there, or not all of it."""


class MadeOtherwise(PermanentError):
    """A version was made by other rules than today's, which give other bytes."""


def landings(lake: Lake, token: str, folders: Sequence[str] | None = None) -> list[Landed]:
    """The batches of one read, each with all its pages there; of what landed twice the newest.

    `folders` says which landings are meant, as the receipt of a version does.
    """
    raw = f"{KEYS.raw_folder}{token}/"
    there = set(lake.keys(raw))
    names = {PurePosixPath(key).parent.name for key in there}
    if folders is not None:
        names &= {*folders}
    signed = [name for name in sorted(names) if KEYS.landed(token, name) in there]
    found = lake.at_once(lambda name: _landing(lake, token, name), signed)
    whole = [landed for landed in found if {page["key"] for page in landed["pages"]} <= there]
    if chosen := _of_one_moment(whole):
        return chosen
    where = f"s3://{lake.bucket}/{raw}"
    if not there:
        raise RawGone(f"there is nothing under {where}: pruned, or never landed")
    planned = f" of {found[0]['read']['parts']}" if found else ""
    raise RawGone(
        f"the read under {where} is not whole: {len(whole)}{planned} batches are there with all "
        "their pages; restore the rest from a copy"
    )


def _of_one_moment(whole: Sequence[Landed]) -> list[Landed]:
    """All batches of a read as the source was at one moment, the newest that has them all.

    One that was read anew after the source was replaced does not belong to the others.
    """
    moments: defaultdict[str, dict[str, Landed]] = defaultdict(dict)
    for landed in sorted(whole, key=lambda landed: landed["answered_at"]):
        moments[landed["last_modified"]][landed["batch"]["label"]] = landed
    for _, batches in sorted(moments.items(), reverse=True):
        if len(batches) == whole[0]["read"]["parts"]:
            return sorted(batches.values(), key=lambda landed: landed["batch"]["first"] or 0)
    return []


def _landing(lake: Lake, token: str, folder: str) -> Landed:
    key = KEYS.landed(token, folder)
    try:
        return cast("Landed", json.loads(lake.get(key)))
    except ValueError:
        raise LakeError(f"{key} is not what was landed; restore it from a copy") from None


def take_raw(lake: Lake, token: str, run_id: str) -> list[Part]:
    """Plan the batches of a read once more, under a token of its own, from what they landed."""
    if not TOKEN.fullmatch(token):
        raise PermanentError(
            f"`raw:{token}` names no read: after `raw:` comes its token, such as {mint_token()}"
        )
    head = lake.head(KEYS.table)
    try:
        found = landings(lake, token, _published_from(head.receipt, token))
    except RawGone as gone:
        raise RawGone(f"{gone}. {_newest_reads(lake)}") from None
    read = _read_anew(found[0]["read"], token, run_id, head)
    refuse_other_source(head, read["dataset"], read["publisher"])
    return [Part(read=read, batch=landed["batch"], folder=landed["folder"]) for landed in found]


def land_again(lake: Lake, part: Part) -> Landed:
    """What the batch landed then; that its pages are what came is seen when they are read."""
    landed = _landing(lake, str(part["read"]["replay_of"]), part["folder"])
    known = {column.source for column in CONTRACT.columns}
    new_columns = [name for name in landed["new_columns"] if name not in known]
    return Landed(**landed | {"read": part["read"], "new_columns": new_columns})


def rederive(lake: Lake, version: int) -> dict[int, str]:
    """Every year that a version changed, made again from the landed bytes: its file's sha256.

    A year that lost its last row has none, and so "". Nothing is written to the bucket.
    """
    receipt = lake.receipt(KEYS.table, version)
    if receipt["contract"] != CONTRACT.version:
        raise MadeOtherwise(
            f"version {version} was made under contract {receipt['contract']} and today's is "
            f"{CONTRACT.version}: its files cannot be made again"
        )
    head = lake.head(KEYS.table, at=version - 1)
    replay_of = receipt.get("replay_of")
    found = landings(lake, replay_of or receipt["token"], receipt.get("landings"))
    read = found[0]["read"]
    if replay_of:
        read = _read_anew(read, replay_of, receipt["run_id"], head)
    here = Overlay(lake, head)
    try:
        _refuse_other_writer(lake, receipt, version)
        batches = [write_parquet(here, partition(here, {**one, "read": read})) for one in found]
        after = reconcile(here, head, read, batches).years
    except Missing as error:
        raise RawGone(f"what version {version} came from is not all there: {error}") from None
    return {
        int(year): after[int(year)].sha256 if int(year) in after else ""
        for year in receipt["changed"]
    }


def _read_anew(read: Read, token: str, run_id: str, head: Head) -> Read:
    """The same read, to be held against this head."""
    return Read(
        **read
        | {
            "token": mint_token(),
            "run_id": run_id,
            "known_years": sorted({*read["known_years"], *year_states(head.receipt)}),
            "head_version": head.version,
            "replay_of": token,
        }
    )


def _published_from(receipt: Mapping[str, Any], token: str) -> list[str] | None:
    """The landings that the table came from, where they are of this read."""
    came_from = receipt.get("replay_of") or receipt.get("token")
    return receipt.get("landings") if came_from == token else None


def _newest_reads(lake: Lake) -> str:
    tokens = {KEYS.token_of(key) or "" for key in lake.keys(KEYS.raw_folder)}
    newest = heapq.nlargest(READS_NAMED, tokens)
    if not newest:
        return "No read is kept at all; run with `api`"
    return f"The newest reads kept are {', '.join(f'raw:{token}' for token in newest)}"


def _refuse_other_writer(lake: Lake, receipt: Mapping[str, Any], version: int) -> None:
    """The same rows give the same bytes only where the same library writes them."""
    states = year_states(receipt)
    paths = [states[int(year)].path for year in receipt["changed"] if int(year) in states]
    if not paths:
        return
    key = f"{KEYS.table}/{paths[0]}"
    try:
        writer = _writer_of(lake.get(key))
    except (pa.ArrowException, ValueError):
        where = f"s3://{lake.bucket}/{key}"
        raise LakeError(f"{where} is damaged and cannot be read; restore it from a copy") from None
    ours = _writer_of(to_parquet(CONTRACT.schema.empty_table()))
    if writer != ours:
        raise MadeOtherwise(
            f"version {version} was written by {writer} and this is {ours}: its files cannot be "
            "made again byte for byte"
        )


def _writer_of(body: bytes) -> str:
    created_by: str = pq.ParquetFile(pa.BufferReader(body)).metadata.created_by
    return created_by
