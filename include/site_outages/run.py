"""The whole path in one process, in the order of the DAG: for tests, measuring and notebooks."""

from __future__ import annotations

from include.first.lake import Lake
from include.site_outages.deliver import deliver
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.publish import Published, project, publish
from include.site_outages.read import begin, land_outages, land_site, stage

SITE, SINCE = "norwich-pear-tree", "2022-01-01T00:00:00.000Z"


def run(
    api: Krakenflex,
    lake: Lake,
    site_id: str = SITE,
    since: str = SINCE,
    *,
    dry_run: bool = False,
    force: bool = False,
    run_id: str = "by hand",
) -> Published:
    read = begin(lake, site_id, since, run_id)
    staged = stage(lake, read, land_outages(api, lake, read), land_site(api, lake, read))
    delivered = deliver(lambda: api, lake, staged, dry_run=dry_run, force=force)
    published = publish(lake, delivered)
    if not dry_run:
        project(lake)
    return published
