"""What all DAGs share: task defaults, params, the lake, and what happens to a report."""

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException

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


def dry_run_param(
    description: str = "Do everything but the commit; the report shows what would change.",
) -> Param:
    return Param(False, type="boolean", title="Dry run", description=description)


def waive_param(example: str) -> Param:
    return Param(
        {},
        type="object",
        additionalProperties={"type": "string", "minLength": 1},
        title="Waive",
        description=f"Checks that may fail this time, each with the reason, such as {example}.",
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


def show(report: str) -> None:
    """Write a report to the task's log, and to the file that HEADWATERS_SCREEN names."""
    for line in report.splitlines():
        log.info(line)
    if path := os.environ.get(SCREEN):
        Path(path).write_text(report, encoding="utf-8")
