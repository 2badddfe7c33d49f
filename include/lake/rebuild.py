"""A read transformed again from the pages that it landed: no API is asked, nothing is written."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from include.data.catalog import package_of
from include.data.contract import Dataset
from include.lake.keys import Keys
from include.lake.landing import RawPages, landed_batches
from include.lake.plan import Plan, plan_for
from include.lake.reads import Read
from include.lake.store import Store
from include.lake.table import load_version


def rebuild_plan(store: Store, dataset: Dataset, receipt: Mapping[str, Any], number: int) -> Plan:
    """What a committed read would make of the version before it, with today's code."""
    read_id = receipt["replay_of"] or receipt["read_id"]
    scratch = ScratchStore(store)
    transform = import_module(f"{package_of(dataset)}.pipeline").transform
    read = Read(**{name: receipt[name] for name in Read.__annotations__})  # type: ignore[typeddict-item]
    batches = [
        transform(scratch, RawPages(**{**raw, "read": read}))
        for raw in landed_batches(store, dataset, read_id, labels=receipt["facts"])
    ]
    before = load_version(store, Keys(dataset.name).table, number - 1)
    return plan_for(scratch, dataset, before, read, batches)


class ScratchStore(Store):
    """Reads reach the bucket, writes stay in memory; a listing has only the bucket's objects."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.bucket, **store._given)  # noqa: SLF001 - the same class
        self.written: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> str:
        self.written[key] = bytes(body)
        return ""

    replace = put

    def get(self, key: str) -> bytes:
        return self.written[key] if key in self.written else super().get(key)
