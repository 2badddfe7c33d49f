"""The datasets of the lake, found by their contracts: add a folder, and it is one of them."""

import importlib
from pathlib import Path

import include
from include.data.contract import Dataset
from include.errors import PermanentError

DEFAULT = "vehicle_recalls"


def datasets() -> dict[str, Dataset]:
    """Every `Dataset` that a module `include/<pipeline>/contract.py` names, by name."""
    return {dataset.name: dataset for package in _packages() for dataset in _declared(package)}


def package_of(dataset: Dataset) -> str:
    """The package of the pipeline that makes a dataset."""
    return next(package for package in _packages() if dataset in _declared(package))


def dataset_named(name: str) -> Dataset:
    known = datasets()
    if name not in known:
        raise PermanentError(f"{name!r} is not a dataset; choose one of {', '.join(sorted(known))}")
    return known[name]


def _packages() -> list[str]:
    folders = [Path(folder) for folder in include.__path__]
    contracts = [path for folder in folders for path in folder.glob("*/contract.py")]
    return sorted({f"include.{path.parent.name}" for path in contracts})


def _declared(package: str) -> list[Dataset]:
    values = vars(importlib.import_module(f"{package}.contract")).values()
    return [value for value in values if isinstance(value, Dataset)]
