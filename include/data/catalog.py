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
    found: dict[str, Dataset] = {}
    for path in sorted(root.glob("*/contract.py")):
        module = importlib.import_module(f"{root.name}.{path.parent.name}.contract")
        for value in vars(module).values():
            if isinstance(value, Dataset):
                found[value.name] = value
    return found


def dataset_named(name: str, root: Path = ROOT) -> Dataset:
    known = datasets(root)
    if name not in known:
        raise PermanentError(f"{name!r} is not a dataset; choose one of {', '.join(sorted(known))}")
    return known[name]
