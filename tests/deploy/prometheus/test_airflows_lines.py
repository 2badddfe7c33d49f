"""The lines of Airflow that the runbook quotes are those of the Airflow in the lock."""

import ast
from importlib.util import find_spec
from pathlib import Path

from tests.test_docs import RUNBOOK, quoted_in, rows_of, section

SAID_BY = (
    "airflow.api.common.trigger_dag",
    "airflow.api_fastapi.execution_api.security",
    "airflow.executors.base_executor",
    "airflow.jobs.scheduler_job_runner",
    "airflow.sdk.execution_time.supervisor",
    "airflow.utils.db",
    "tenacity.before",
)
OF_SQLITE = "database is locked"


def test_the_runbook_quotes_what_airflow_says() -> None:
    """Each quoted line is a string of one of these modules; a word alone is a state."""
    said = {OF_SQLITE}
    for module in SAID_BY:
        spec = find_spec(module)
        assert spec
        assert spec.origin
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        said |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    quoted = {
        line.strip()
        for row in rows_of(section(RUNBOOK, "Airflow itself"))
        for line in quoted_in(row[0])
        if " " in line.strip()
    }
    assert len(quoted) >= 4
    assert {line for line in quoted if not any(line in text for text in said)} == set()
