"""The datasets of the lake, found by their contracts: add a folder, and it is one of them."""

from __future__ import annotations

import importlib
from pathlib import Path

from include.data.contract import Dataset
from include.errors import PermanentError

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = "vehicle_recalls"


def datasets(root: Path = ROOT) -> dict[str, Dataset]:
    """Every `Dataset` that a module `<root>/<pipeline>/contract.py` names, by name."""
    return {dataset.name: dataset for package in _packages(root) for dataset in _declared(package)}


def package_of(dataset: Dataset, root: Path = ROOT) -> str:
    """The package of the pipeline that makes a dataset."""
    return next(package for package in _packages(root) if dataset in _declared(package))


def _packages(root: Path) -> list[str]:
    return [f"{root.name}.{path.parent.name}" for path in sorted(root.glob("*/contract.py"))]


def _declared(package: str) -> list[Dataset]:
    values = vars(importlib.import_module(f"{package}.contract")).values()
    return [value for value in values if isinstance(value, Dataset)]


def dataset_named(name: str, root: Path = ROOT) -> Dataset:
    known = datasets(root)
    if name not in known:
        raise PermanentError(f"{name!r} is not a dataset; choose one of {', '.join(sorted(known))}")
    return known[name]
