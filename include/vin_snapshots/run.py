"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from include.first.lake import Lake
from include.vin_snapshots.fetch import check, fetch
from include.vin_snapshots.publish import Published, project, publish
from include.vin_snapshots.vin_api import VinApi


def run(
    api: VinApi,
    lake: Lake,
    *,
    dry_run: bool = False,
    accept: Mapping[str, str] | None = None,
    run_id: str = "by hand",
) -> Published:
    checked = check(lake, fetch(api, lake, run_id))
    published = publish(lake, checked, dry_run=dry_run, accept=accept)
    if not dry_run:
        project(lake)
    return published
