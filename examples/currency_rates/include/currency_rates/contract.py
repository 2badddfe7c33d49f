"""What a row of the currency rates is."""

from fractions import Fraction

import pyarrow as pa

from include.data.contract import Column, Dataset, Limit, Limits

CURRENCY_RATES = Dataset(
    name="currency_rates",
    version="1",
    grain=(
        "One row is one currency and the last reference rate that the ECB published of it. A "
        "currency that ended, such as the Croatian kuna, keeps its last rate: look at the date."
    ),
    key="currency",
    columns=(
        Column("currency", pa.string(), "ISO code, such as USD.", "CURRENCY", required=True),
        Column("date", pa.date32(), "The day of the rate.", "TIME_PERIOD", required=True),
        Column(
            "rate",
            pa.decimal128(18, 6),
            "Units of the currency for one euro.",
            "OBS_VALUE",
            required=True,
            minimum=0,
        ),
    ),
    limits=Limits(
        rows_in_total=Limit(Fraction(1, 10), "Currencies that the ECB's answer lacks."),
        quarantine=Limit(Fraction(1, 10), "Rates that break the contract."),
    ),
)
