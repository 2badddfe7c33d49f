"""A read published again, from the pages that it landed."""

from collections.abc import Sequence

from include.errors import PermanentError
from include.lake.landing import RawPages, landed_batches
from include.lake.reads import start_read
from include.lake.store import Store
from include.vehicle_recalls.complete_read import BatchPlan
from include.vehicle_recalls.contract import RECALLS

API, RAW = "api", "raw:"


def plan_replay(store: Store, source: str, years: Sequence[int], run_id: str) -> list[BatchPlan]:
    if not source.startswith(RAW):
        raise PermanentError(
            f"the source {source!r} is unknown; use `api`, or `raw:` and a read id"
        )
    if years:
        raise PermanentError("a replay reads the years of its read; leave `years` empty")
    batches = landed_batches(store, RECALLS, source.removeprefix(RAW))
    first = batches[0]["read"]
    read, _ = start_read(
        store,
        RECALLS,
        first["source"],
        run_id,
        covers=first["covers"],
        batches=len(batches),
        replay_of=first["read_id"],
    )
    return [
        BatchPlan(
            read=read,
            years=raw["facts"]["years"],
            partitions=raw["partitions"],
            counted_rows=sum(page["rows"] for each in batches for page in each["pages"]),
            counted_at=raw["moment"]["modified_at"],
            replay=raw["label"],
        )
        for raw in batches
    ]


def landed_again(store: Store, batch: BatchPlan) -> RawPages:
    landed = landed_batches(store, RECALLS, str(batch["read"]["replay_of"]))
    raw = next(each for each in landed if each["label"] == batch["replay"])
    return RawPages(**{**raw, "read": batch["read"]})
