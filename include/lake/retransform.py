"""A read transformed again from the pages that it landed, without asking the API or writing."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from include.data.catalog import package_of
from include.data.contract import Dataset
from include.lake.keys import Keys
from include.lake.landing import RawPages, landed_batches
from include.lake.plan import Plan, plan_for
from include.lake.reads import Read
from include.lake.scratch import ScratchStore
from include.lake.staging import StagedBatch
from include.lake.store import Store
from include.lake.table import load_version

Transform = Callable[[Store, RawPages], StagedBatch]


def transform_of(dataset: Dataset) -> Transform:
    """The function `transform` beside the contract that declares the dataset."""
    transform: Transform = import_module(f"{package_of(dataset)}.pipeline").transform
    return transform


def rebuild_plan(store: Store, dataset: Dataset, receipt: Mapping[str, Any], number: int) -> Plan:
    """What a committed read would make of the version before it, with today's code."""
    read_id = receipt["replay_of"] or receipt["read_id"]
    scratch, transform = ScratchStore(store), transform_of(dataset)
    read = Read(**{name: receipt[name] for name in Read.__annotations__})  # type: ignore[typeddict-item]
    batches = [
        transform(scratch, RawPages(**{**raw, "read": read}))
        for raw in landed_batches(store, dataset, read_id, labels=receipt["facts"])
    ]
    before = load_version(store, Keys(dataset.name).table, number - 1)
    return plan_for(scratch, dataset, before, read, batches)
