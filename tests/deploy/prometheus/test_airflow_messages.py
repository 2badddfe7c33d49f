"""The Airflow messages that the runbook quotes exist in the locked Airflow."""

import ast
from importlib.util import find_spec
from pathlib import Path

from tests.test_docs import RUNBOOK, quoted_in, rows_of, section

SOURCES = (
    "airflow.api.common.trigger_dag",
    "airflow.api_fastapi.execution_api.security",
    "airflow.executors.base_executor",
    "airflow.jobs.scheduler_job_runner",
    "airflow.sdk.execution_time.supervisor",
    "airflow.utils.db",
    "tenacity.before",
)
SQLITE_MESSAGE = "database is locked"


def test_runbook_quotes_real_airflow_messages() -> None:
    """A quoted single word is a state, not a message."""
    messages = {SQLITE_MESSAGE}
    for module in SOURCES:
        spec = find_spec(module)
        assert spec
        assert spec.origin
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        messages |= {
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
    assert {line for line in quoted if not any(line in text for text in messages)} == set()
