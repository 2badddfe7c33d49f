"""The screen of one run."""

import json
from typing import Any

import pyarrow as pa

from include.data.formatting import count
from include.lake.keys import Keys
from include.lake.publish import Receipt
from include.lake.report import Preview, headline, render
from include.lake.store import Store
from include.site_outages.contract import SITE_OUTAGES
from include.site_outages.deliver import POSTED, WOULD_POST
from include.site_outages.pipeline import site_file


def report(store: Store, receipt: Receipt) -> str:
    (facts,) = receipt["facts"].values()
    file = site_file(facts["site_id"])
    has_file = store.get_if_exists(Keys(SITE_OUTAGES.name).plain(file)) is not None
    outages = pa.Table.from_pylist(json.loads(store.get(facts["payload_key"])))
    return render(
        store,
        SITE_OUTAGES,
        receipt,
        noun="outage",
        title=_title(facts),
        files=[file] if has_file else [],
        facts=[
            f"table of all sites: {headline(receipt, 'outage')}",
            f"list: {count(facts['listed'], 'outage')} = {facts['of_other_sites']:,} of other "
            f"sites + {facts['too_early']:,} that began before {facts['since']} + "
            f"{receipt['counts']['quarantined']:,} quarantined + {facts['posted']:,} to post",
        ],
        previews=[Preview("The first outages", outages)],
    )


def _title(facts: dict[str, Any]) -> str:
    outages = f"{count(facts['posted'], 'outage')} of {facts['site_id']}"
    delivery = facts.get("delivery", {"outcome": "", "number": 0})  # a replay has none
    if delivery["outcome"] == POSTED:
        return f"Site outages: posted {outages}"
    if delivery["outcome"] == WOULD_POST:
        return f"Site outages: dry run, would post {outages}; nothing was posted"
    before = f", accepted before as delivery {delivery['number']}" if delivery["number"] else ""
    return f"Site outages: {outages}{before}; nothing was posted"
