"""What a row of the site outages is."""

import pyarrow as pa

from include.data.contract import TEXT, TIMESTAMP, Column, Dataset

SITE_OUTAGES = Dataset(
    name="site_outages",
    version="1",
    grain=(
        "One row is one outage of one device of a site, as it was posted to KrakenFlex. An outage "
        "that began before the `since` of the run has no row, however long it lasts. Outages of a "
        "device may overlap, so do not add up their durations."
    ),
    key="outage_id",
    sort_by=("site_id", "position"),
    partition_by="site_id",
    columns=(
        Column(
            "outage_id",
            TEXT,
            "Site, device and begin, such as kingfisher/002b28fc-.../2022-05-23T12:21:27.377Z; "
            "the second such outage of the list ends in #2, the third in #3.",
            required=True,
        ),
        Column("site_id", TEXT, "The site, as the run asked for it.", required=True),
        Column("site_name", TEXT, "The site's name for people; null if it has none."),
        Column(
            "position",
            pa.int64(),
            "The place of the outage in the posted list, from 1; the list keeps the API's order.",
            required=True,
        ),
        Column("id", TEXT, "The device that was out; not an id of the outage.", required=True),
        Column("name", TEXT, "The device's name for people, from the site.", required=True),
        Column(
            "begin", TEXT, "When the outage began, exactly as the API spells it.", required=True
        ),
        Column("end", TEXT, "When it ended, exactly as the API spells it; null while it lasts."),
        Column("begin_at", TIMESTAMP, "When the outage began, as a point in time.", required=True),
        Column(
            "end_at",
            TIMESTAMP,
            "When it ended, as a point in time; null while it lasts, or if `end` is not one.",
        ),
    ),
)
