"""What DAGs announce, so that others can wait for it."""

from airflow.sdk import Asset

RECALLS = Asset(
    "vehicle_recalls",
    group="vehicle_recalls",
    extra={
        "rows": "US vehicle recalls",
        "table": "vehicle_recalls/table",
        "bucket": "of the connection lake",
        "event": "a report year that changed",
    },
)
