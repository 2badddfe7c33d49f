"""What all DAGs share: task defaults, params, the lake, and what happens to a report."""

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException

from include.vehicle_recalls.years import FIRST_YEAR
from plugins.notifications import send_alert

log = logging.getLogger(__name__)
SCREEN = "HEADWATERS_SCREEN"  # a file that also gets the report

DEFAULTS = {
    "owner": "headwaters",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": ExceptionRetryPolicy(
        rules=[RetryRule(exception="include.errors.PermanentError", action=RetryAction.FAIL)]
    ),
}


def dag_options(doc: str | None) -> dict[str, Any]:
    """What a DAG is made with; its page is the docstring of its file."""
    return {
        "description": (doc or "").partition("\n")[0],
        "doc_md": doc,
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": DEFAULTS,
        "on_failure_callback": send_alert,
    }


def flag_param(title: str, description: str) -> Param:
    """Yes or no. Airflow marks a param as required unless its type has `null` too."""
    return Param(False, type=["boolean", "null"], title=title, description=description)


def dry_run_param(
    description: str = "Do everything but the commit; the report shows what would change.",
) -> Param:
    return flag_param("Dry run", description)


def waive_param(example: str) -> Param:
    return Param(
        {},
        type=["object", "null"],
        additionalProperties={"type": "string", "minLength": 1},
        title="Waive",
        description=(
            f"Failed checks that this run ignores: name and reason, such as {example}. "
            "The log of the task that failed names them."
        ),
    )


def years_param(description: str) -> Param:
    """Report years as `parse_years` takes them."""
    last = datetime.now(UTC).year
    return Param(
        None,
        # Text comes first: the form then shows a line to type in, not an editor of JSON.
        type=["string", "array", "null"],
        items={"type": "integer", "minimum": FIRST_YEAR, "maximum": last},
        pattern="^[0-9 ,-]*$",  # short, because the form shows it after a typing error
        examples=["2019", "2021-2023", "2019, 2021-2023"],
        title="Report years",
        description=f"Such as 2019, 2021-2023; from {FIRST_YEAR} to {last}. {description}",
    )


def source_param() -> Param:
    """Where a run of all years reads from."""
    return Param(
        "api",
        type=["string", "null"],
        pattern=r"^(api|raw:[A-Za-z0-9-]+)$(?!\n)",
        title="Source",
        description=(
            "api; or a read id from a report, such as raw:20261121T104304-d9c96462, to publish "
            "again what that read landed. It never replaces what a later read published."
        ),
    )


def store() -> Any:
    """The bucket of the connection `lake`, opened anew."""
    # A DAG file is loaded for each task: heavy imports wait until one needs them.
    from plugins.hooks.store_hook import StoreHook

    return StoreHook().get_conn()


def refuse_unknown_conf(conf: Iterable[str] | None, known: Iterable[str]) -> None:
    """Airflow takes any key of a run's conf; a misspelled one would start another run."""
    if unknown := set(conf or ()) - set(known):
        raise AirflowFailException(
            f"the run's conf has {', '.join(sorted(unknown))}, which this DAG does not know; "
            f"it takes {', '.join(known)}"
        )


def measure(pipeline: str, receipt: Mapping[str, Any]) -> None:
    """Send Airflow's metrics the facts of a full read that was committed or verified.

    Replays, partial reads, outdated reads and dry runs with changes send nothing, so that an alert
    on the age of `read_at` fires. It is an instant: an age would stand still when nothing runs.
    """
    from airflow.sdk.observability import stats

    from include.data.checks import WAIVED
    from include.lake.publish import PUBLISHED, UNCHANGED

    is_full = receipt["covers"] is not None and not receipt["outdated"]
    if receipt["outcome"] not in {PUBLISHED, UNCHANGED} or receipt["replay_of"] or not is_full:
        return
    gauges = {
        "read_at": datetime.fromisoformat(receipt["observed_at"]).timestamp(),
        "quarantined": receipt["counts"]["quarantined"],
        "waived": sum(check["outcome"] == WAIVED for check in receipt["checks"]),
    }
    for name, value in gauges.items():
        stats.gauge(f"headwaters.{name}", value, tags={"pipeline": pipeline})


def show(report: str) -> str:
    """Write a report to the task's log, and to the file that HEADWATERS_SCREEN names.

    Each task `report` returns it, and the page of the run shows it.
    """
    for line in report.splitlines():
        log.info(line)
    if path := os.environ.get(SCREEN):
        Path(path).write_text(report, encoding="utf-8")
    return report
