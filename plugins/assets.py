"""What DAGs announce, so that others can wait for it."""

from airflow.sdk import Asset

RECALLS = Asset(
    "vehicle_recalls",
    group="vehicle_recalls",
    extra={
        "what": "US recalls of vehicles and equipment, a row each; an event for each changed year",
        "where": "vehicle_recalls/table, a Delta table in the bucket of the connection lake",
    },
)
