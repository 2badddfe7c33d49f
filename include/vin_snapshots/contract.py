"""What a published row of VIN snapshots is."""

from __future__ import annotations

from fractions import Fraction

import pyarrow as pa

from include.first.contract import Column, Contract, Limit

SERVICE = "vin_service"  # the source, as a receipt names it
TEXT = ("string",)
# Vehicles leave the cache one by one, when somebody removes them. A cache that is suddenly half
# as large is more likely a new one: a person looks, and may accept it.
VEHICLES_LOST = Limit(
    Fraction(1, 2),
    "It counts the vehicles of the version before that are gone from the export.",
    rows=0,
)

CONTRACT = Contract(
    name="vin_snapshots",
    version="1",
    grain=(
        "One row is one vehicle that somebody looked up at the VIN service and vPIC knows, as "
        "vPIC decoded it last. It is what people asked for and no register: that a VIN is missing "
        "says nothing about the car."
    ),
    key="vin",
    sort_by=("vin",),
    columns=(
        Column("vin", "vin", pa.string(), "The VIN, 17 characters.", TEXT, required=True),
        Column("make", "make", pa.string(), "The make, such as FORD.", TEXT, required=True),
        Column("model", "model", pa.string(), "The model, such as Bronco.", TEXT, required=True),
        Column(
            "model_year",
            "model_year",
            pa.string(),
            "The model year as vPIC writes it; not always the year in which the car was built.",
            TEXT,
            required=True,
        ),
        Column(
            "body_class",
            "body_class",
            pa.string(),
            "The body class in vPIC's words: never null, empty where vPIC says none.",
            TEXT,
        ),
    ),
)
