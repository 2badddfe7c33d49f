"""Bring a dataset's ledger, plain files and site up to date with its table.

Every run does this at its end; the command is for after a run that was interrupted.

Example: python -m include.cli refresh --dataset shoe_prices
"""

import argparse
from importlib import import_module
from typing import Any

from include.cli.questions import current_or_refuse
from include.data.catalog import dataset_named, package_of
from include.lake.store import Store


def run(store: Store, asked: argparse.Namespace) -> int:
    dataset = dataset_named(asked.dataset)
    current = current_or_refuse(store, dataset)
    pipeline: Any = import_module(f"{package_of(dataset)}.pipeline")
    for name in pipeline.refresh(store):
        print(f"wrote {name}")
    print(f"{dataset.name} is up to date with version {current.receipt_number}")
    return 0
