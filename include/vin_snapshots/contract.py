"""What a row of the VIN snapshots is."""

from fractions import Fraction

import pyarrow as pa

from include.data.contract import Column, Dataset, Limit, Limits

SERVICE = "vin_service"  # the source, as a receipt names it
VIN_SHAPE = "[A-HJ-NPR-Z0-9]{17}"

VIN_SNAPSHOTS = Dataset(
    name="vin_snapshots",
    version="1",
    grain=(
        "One row is one vehicle that a client looked up at the VIN service, as vPIC decoded it "
        "last. It lists lookups and is not a register: a missing VIN says nothing about the car."
    ),
    key="vin",
    columns=(
        Column(
            "vin",
            pa.string(),
            "The VIN, 17 characters.",
            required=True,
            shape=VIN_SHAPE,
            upper=True,
        ),
        Column("make", pa.string(), "The make, such as FORD.", required=True),
        Column("model", pa.string(), "The model, such as Bronco.", required=True),
        Column(
            "model_year",
            pa.string(),
            "The model year as vPIC writes it; not always the year in which the car was built.",
            required=True,
        ),
        Column(
            "body_class", pa.string(), "The body class in vPIC's words; empty if vPIC has none."
        ),
    ),
    limits=Limits(
        rows_in_total=Limit(
            Fraction(1, 2),
            "Vehicles that are gone from the export; more mean that the cache was replaced.",
            rows=0,
        ),
        quarantine=Limit(Fraction(0), "Rows of the export that break the contract.", rows=0),
    ),
)
