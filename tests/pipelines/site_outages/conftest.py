"""The fake KrakenFlex, without pauses between attempts."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from fakes.control import Control
from include.data.tables import from_parquet
from include.lake.store import Store
from include.site_outages.client import KrakenFlex
from include.site_outages.deliver import deliver
from include.site_outages.pipeline import extract, publish, transform
from tests.http.raw_server import Api

SITE, SINCE = "norwich-pear-tree", "2022-01-01T00:00:00.000Z"  # the defaults of the form


def run(
    api: KrakenFlex,
    store: Store,
    site_id: str = SITE,
    since: str = SINCE,
    *,
    dry_run: bool = False,
    run_id: str = "run 1",
) -> Any:
    """Run all tasks, as the DAG does."""
    raw = extract(api, store, site_id, since, run_id)
    batch = deliver(api, store, raw, transform(store, raw), dry_run=dry_run)
    return publish(store, raw, batch, dry_run=dry_run)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records pauses instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.fixture
def api(recalls_url: str, replica: Control) -> KrakenFlex:
    assert not replica.faults
    return KrakenFlex(recalls_url, "local-key")


@pytest.fixture
def accepted(replica: Control) -> Callable[[str], list[Any]]:
    """Returns the lists that KrakenFlex accepted for a site, in order."""
    return lambda site_id: replica.krakenflex.accepted.get(site_id, [])


@pytest.fixture
def records(store: Store) -> Callable[[str], list[str]]:
    """Returns the names of a site's delivery records."""
    return lambda site_id: sorted(
        key.rpartition("/")[2] for key in store.list(f"site_outages/deliveries/{site_id}")
    )


@pytest.fixture
def plain(store: Store) -> Callable[[str], pa.Table]:
    """Reads the plain file of a site."""
    return lambda site_id: from_parquet(store.get(f"site_outages/{site_id}.parquet"))


@pytest.fixture
def scripted() -> Iterator[Api]:
    """An API with prepared answers."""
    with Api() as server:
        yield server
