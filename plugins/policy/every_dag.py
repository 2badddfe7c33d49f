"""What every DAG of the project does alike: its defaults, its lake, its conf and its screen."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException

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


def may_dry_run(
    description: str = "Do everything but the commit; the report shows what would change.",
) -> Param:
    return Param(False, type="boolean", title="Dry run", description=description)


def may_accept(example: str) -> Param:
    """Reasons for checks that may fail this time, by name."""
    return Param(
        {},
        type="object",
        additionalProperties={"type": "string", "minLength": 1},
        title="Accept",
        description=f"Checks that may fail this time, each with the reason, such as {example}.",
    )


def lake() -> Any:
    """The lake of the connection `lake`, opened anew."""
    # Only here: a DAG file is loaded for each task, and this is heavy.
    from plugins.hooks.lake_hook import LakeHook

    return LakeHook().get_conn()


def refuse_unknown_conf(conf: Iterable[str] | None, known: Iterable[str]) -> None:
    """Airflow takes any key of a run's conf; a misspelt one would be a run of something else."""
    if unknown := set(conf or ()) - set(known):
        raise AirflowFailException(
            f"the run's conf has {', '.join(sorted(unknown))}, which this DAG does not know; "
            f"it takes {', '.join(known)}"
        )


def measure(pipeline: str, run: Any, set_aside: int = 0) -> None:
    """Tell Airflow's metrics what it cannot count itself, of a whole read that was no rehearsal.

    When it was is told as an instant: its age goes on growing where nothing runs any more.
    """
    from airflow.sdk.observability import stats

    from include.first.quality import ACCEPTED

    told = {
        "read_at": datetime.fromisoformat(run["observed_at"]).timestamp(),
        "set_aside": set_aside,
        "accepted": sum(check["outcome"] == ACCEPTED for check in run["checks"]),
    }
    for name, value in told.items():
        stats.gauge(f"headwaters.{name}", value, tags={"pipeline": pipeline})


def show(screen: str, log: logging.Logger) -> None:
    """Put a report into the task's log, and where who started the run wants it."""
    for line in screen.splitlines():
        log.info(line)
    if path := os.environ.get("HEADWATERS_SCREEN"):
        Path(path).write_text(screen, encoding="utf-8")
