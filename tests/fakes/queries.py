"""The queries of the recalls hook."""

from __future__ import annotations

PAGE = {"$select": ":*,*", "$order": "nhtsa_id,:id", "$limit": 50_000}
CENSUS = {
    "$select": "date_extract_y(report_received_date) AS year, count(*) AS recalls",
    "$group": "year",
    "$order": "year",
    "$limit": 1000,
}
