"""The screen of one run."""

from __future__ import annotations

from include.data.tables import from_parquet
from include.lake.keys import Keys
from include.lake.publish import Receipt
from include.lake.report import Preview, headline, render
from include.lake.store import Store
from include.vin_snapshots.contract import VIN_SNAPSHOTS
from include.vin_snapshots.pipeline import VEHICLES_FILE


def report(store: Store, receipt: Receipt) -> str:
    body = store.get_if_exists(Keys(VIN_SNAPSHOTS.name).plain(VEHICLES_FILE))
    files, previews = [VEHICLES_FILE] if body else [], []
    if body:
        previews.append(Preview("The first vehicles", from_parquet(body)))
    return render(
        store,
        VIN_SNAPSHOTS,
        receipt,
        noun="vehicle",
        title=f"VIN snapshots: {headline(receipt, 'vehicle')}",
        files=files,
        previews=previews,
    )
