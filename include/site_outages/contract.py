"""What a published row of site outages is."""

from __future__ import annotations

import pyarrow as pa

from include.first.contract import TIMESTAMP, Column, Contract

TEXT = ("text",)
# What the API is known to say of each thing; another field is told, and stays in raw.
OUTAGE_FIELDS = {"id", "begin", "end"}
SITE_FIELDS = {"id", "name", "devices"}
DEVICE_FIELDS = {"id", "name"}

CONTRACT = Contract(
    name="site_outages",
    version="1",
    grain=(
        "One row is one outage of one device of a site, as it was posted to KrakenFlex, in the "
        "order of the API. An outage that began before the run's `since` has no row, however "
        "long it lasts. Outages of a device may overlap, so their durations are no downtime."
    ),
    key="",  # no column alone: a device, a begin and an end make an outage
    sort_by=(),
    columns=(
        Column(
            "site_id",
            "site.id",
            pa.string(),
            "The site, as the run was asked for it.",
            TEXT,
            required=True,
        ),
        Column("site_name", "site.name", pa.string(), "The site's name for people.", TEXT),
        Column(
            "id",
            "outage.id",
            pa.string(),
            "The device that was out; not an id of the outage.",
            TEXT,
            required=True,
        ),
        Column(
            "name",
            "device.name",
            pa.string(),
            "The device's name for people, from the site.",
            TEXT,
            required=True,
        ),
        Column(
            "begin",
            "outage.begin",
            pa.string(),
            "When the outage began, in the very letters of the API.",
            TEXT,
            required=True,
        ),
        Column(
            "end",
            "outage.end",
            pa.string(),
            "When it ended, in the very letters of the API; null while it lasts.",
            TEXT,
        ),
        Column(
            "begin_at",
            "outage.begin",
            TIMESTAMP,
            "When the outage began, as an instant.",
            TEXT,
            required=True,
        ),
        Column(
            "end_at",
            "outage.end",
            TIMESTAMP,
            "When it ended, as an instant; null while it lasts, or when `end` is none.",
            TEXT,
        ),
    ),
)
