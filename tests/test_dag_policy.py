"""Every DAG that Airflow loads follows the project's rules."""

import ast
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Param, RetryAction, TriggerRule
from airflow.sdk.exceptions import ParamValidationError

from include.data.checks import ChecksFailed
from include.errors import PermanentError
from include.http.errors import AuthError, RateLimited, SourceUnavailable, UnexpectedBody, WrongHost
from include.lake.reads import SchemaMismatch
from include.lake.store import Conflict, StoreError
from include.vehicle_recalls import contract
from include.vehicle_recalls.complete_read import SourceChanged
from local.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent
# Each file has one DAG with the name of the file; these files have more.
MORE_DAGS = {"vehicle_recalls": {"vehicle_recalls_by_year"}}
DAG_FILES = {
    path.stem: {path.stem} | MORE_DAGS.get(path.stem, set())
    for path in sorted((ROOT / "dags").glob("**/*.py"))
}
DAG_IDS = sorted(set().union(*DAG_FILES.values()))
RECALLS_DAGS = sorted(DAG_FILES["vehicle_recalls"])
# Each task, with its upstream tasks.
RECALLS_TASKS = {
    "plan": set(),
    "batch.extract": {"plan"},
    "batch.partition": {"batch.extract"},
    "batch.write_parquet": {"batch.extract", "batch.partition"},
    "publish": {"plan", "batch.write_parquet"},
    "aggregate": {"publish"},
    "ledger": {"aggregate"},
    "report": {"ledger"},
    "site": {"ledger", "report"},
    "announce": {"aggregate"},
}
HEAVY = ("boto3", "deltalake", "numpy", "pandas", "pyarrow", "requests")


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


@pytest.fixture(params=DAG_IDS)
def dag(dagbag: DagBag, request: pytest.FixtureRequest) -> DAG:
    return dagbag.dags[request.param]


@pytest.fixture(params=RECALLS_DAGS)
def recalls_dag(dagbag: DagBag, request: pytest.FixtureRequest) -> DAG:
    return dagbag.dags[request.param]


def test_every_dag_file_loads(dagbag: DagBag) -> None:
    assert dagbag.import_errors == {}
    found: dict[str, set[str]] = {}
    for dag_id, loaded in dagbag.dags.items():
        found.setdefault(Path(loaded.fileloc).stem, set()).add(dag_id)
    assert found == DAG_FILES


@pytest.mark.parametrize("name", sorted(DAG_FILES))
def test_dag_has_code_and_tests_of_the_same_name(name: str) -> None:
    folder, tests = ROOT / "include" / name, ROOT / "tests" / "pipelines" / name
    tests = tests if tests.is_dir() else ROOT / "tests" / name
    assert folder.is_dir() or folder.with_suffix(".py").is_file(), f"there is no include/{name}/"
    assert list(tests.glob("test_*.py")), f"tests/pipelines/{name}/ has no tests"


def test_dag_has_tags_description_and_doc_md(dag: DAG) -> None:
    assert dag.tags, "give the DAG tags=[...]"
    assert dag.doc_md, "give the DAG doc_md=__doc__"
    assert dag.description, "give the DAG the first line of its docstring as description"
    assert dag.doc_md.startswith(dag.description)
    for part in ("Makes ", "**Backfill**", "**When it is red**"):
        assert part in dag.doc_md, f"add to the docstring of the DAG file: {part}"


def test_dag_does_not_catch_up(dag: DAG) -> None:
    """The sources serve only their current state."""
    assert dag.catchup is False
    assert dag.start_date is not None
    assert dag.start_date < datetime.now(UTC)


def test_tasks_have_owner_and_retries(dag: DAG) -> None:
    assert dag.tasks
    for task in dag.tasks:
        assert task.owner == "headwaters", task.task_id
        assert task.retries == 2, task.task_id
        assert task.retry_exponential_backoff, task.task_id
        assert task.retry_policy is not None, task.task_id
        assert task.trigger_rule == TriggerRule.ALL_SUCCESS, task.task_id


@pytest.mark.parametrize(
    "error",
    [PermanentError, ChecksFailed, SchemaMismatch, AuthError, WrongHost],
    ids=lambda error: error.__name__,
)
def test_permanent_error_is_not_retried(dag: DAG, error: type[Exception]) -> None:
    for task in dag.tasks:
        decision = task.retry_policy.evaluate(error("what, where, what to do"), 1, task.retries)
        assert decision.action == RetryAction.FAIL, task.task_id


@pytest.mark.parametrize(
    "error",
    [
        *(StoreError, Conflict, SourceChanged),
        *(RateLimited, SourceUnavailable, UnexpectedBody, MemoryError),
    ],
    ids=lambda error: error.__name__,
)
def test_transient_error_is_retried(dag: DAG, error: type[Exception]) -> None:
    for task in dag.tasks:
        decision = task.retry_policy.evaluate(error("what, where, what to do"), 1, task.retries)
        assert decision.action == RetryAction.DEFAULT, task.task_id


def test_failed_run_sends_an_alert(dag: DAG) -> None:
    assert getattr(dag.on_failure_callback, "__name__", "") in {"alert", "send_alert"}, (
        "give the DAG on_failure_callback=send_alert, of plugins/notifications.py"
    )


def test_dags_run_one_run_at_a_time(dagbag: DagBag) -> None:
    """Only the backfill by year may run several."""
    many = {dag_id for dag_id, loaded in dagbag.dags.items() if loaded.max_active_runs != 1}
    assert many == {"vehicle_recalls_by_year"}, "give the DAG max_active_runs=1"


def test_dag_has_one_first_task(dag: DAG) -> None:
    """It refuses an invalid conf before any other task starts."""
    assert len(dag.roots) == 1


def test_params_have_title_description_and_valid_default(dag: DAG) -> None:
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
        param.resolve()


def test_recalls_dags_have_the_same_tasks(recalls_dag: DAG) -> None:
    waits_for = {task.task_id: set(task.upstream_task_ids) for task in recalls_dag.tasks}
    assert waits_for == RECALLS_TASKS


def test_only_announce_updates_the_asset(recalls_dag: DAG) -> None:
    outlets = {
        task.task_id: [asset.name for asset in task.outlets]
        for task in recalls_dag.tasks
        if task.outlets
    }
    assert outlets == {"announce": ["vehicle_recalls"]}


def test_trigger_form_has_the_default_params(recalls_dag: DAG) -> None:
    defaults = {"years": None, "dry_run": False, "waive": {}}
    if recalls_dag.dag_id == "vehicle_recalls":
        defaults["source"] = "api"
    assert recalls_dag.params.dump() == defaults


@pytest.mark.parametrize(
    "years",
    [
        [],
        [contract.FIRST_YEAR],
        [2019, 2024],
        [datetime.now(UTC).year],
        None,
        "",
        "2019, 2021-2023",
    ],
    ids=str,
)
def test_valid_years_are_accepted(recalls_dag: DAG, years: Any) -> None:
    """None means all years."""
    assert recalls_dag.params.get_param("years").resolve(years) == years


@pytest.mark.parametrize(
    "years",
    [
        *([contract.FIRST_YEAR - 1], [datetime.now(UTC).year + 1], [2019, 20190], [-1]),
        *(["2019"], [2019.5], [True], [None], [[2019]], 2019, "20x9", "[2019]", {"2019": 1}),
    ],
    ids=str,
)
def test_invalid_years_are_refused(recalls_dag: DAG, years: Any) -> None:
    with pytest.raises(ParamValidationError):
        recalls_dag.params.get_param("years").resolve(years)


@pytest.mark.parametrize("dry_run", ["yes", "false", 1], ids=str)
def test_dry_run_must_be_boolean(dagbag: DagBag, dry_run: Any) -> None:
    for param in with_param(dagbag, "dry_run"):
        assert param.resolve(True) is True
        with pytest.raises(ParamValidationError):
            param.resolve(dry_run)


@pytest.mark.parametrize("source", ["api", "raw:20261121T081259-0a1b2c3d"])
def test_valid_sources_are_accepted(dagbag: DagBag, source: str) -> None:
    """The API, or the landed pages of a read id."""
    assert dagbag.dags["vehicle_recalls"].params.get_param("source").resolve(source) == source


@pytest.mark.parametrize("source", ["", "raw", "raw:", "raw:../x", "API", "s3://b", 1], ids=str)
def test_invalid_sources_are_refused(dagbag: DagBag, source: Any) -> None:
    with pytest.raises(ParamValidationError):
        dagbag.dags["vehicle_recalls"].params.get_param("source").resolve(source)


@pytest.mark.parametrize("waive", [[], ["rows per year"], {"rows per year": ""}, {"a": 1}], ids=str)
def test_waive_needs_a_reason_for_each_check(dagbag: DagBag, waive: Any) -> None:
    for param in with_param(dagbag, "waive"):
        assert param.resolve({"rows per year": "they really went"})
        with pytest.raises(ParamValidationError):
            param.resolve(waive)


def with_param(dagbag: DagBag, name: str) -> list[Param]:
    """The params of this name, from every DAG that has one."""
    assert name in dagbag.dags["vehicle_recalls"].params
    return [dag.params.get_param(name) for dag in dagbag.dags.values() if name in dag.params]


def test_backfill_starts_in_the_first_report_year(dagbag: DagBag) -> None:
    start = dagbag.dags["vehicle_recalls_by_year"].start_date
    assert start == datetime(contract.FIRST_YEAR, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("pipeline", DAG_FILES)
def test_report_task_measures_when_the_source_was_read(pipeline: str) -> None:
    """The alert on stale data needs `measure`, called in the task `report`."""
    source = (ROOT / "dags" / f"{pipeline}.py").read_text(encoding="utf-8")
    (report,) = [
        task
        for task in ast.walk(ast.parse(source))
        if isinstance(task, ast.FunctionDef) and task.name == "report"
    ]
    assert f'measure("{pipeline}", ' in (ast.get_source_segment(source, report) or "")


def test_dag_files_import_no_heavy_library(tmp_path: Path) -> None:
    """Every task loads its DAG file."""
    files = [str(ROOT / "dags" / f"{file}.py") for file in sorted(DAG_FILES)]
    script = f"""
import runpy, sys
heavy = []
for file in {files!r}:
    runpy.run_path(file)
    heavy += [(file, name) for name in {HEAVY!r} if name in sys.modules]
print(heavy)
"""
    assert output_of(script, tmp_path) == "[]", "import these inside the tasks that use them"


def test_plugin_loader_imports_only_the_plugin(tmp_path: Path) -> None:
    """The loader imports files by their bare names, which must not shadow a module."""
    modules = {path.stem for path in (ROOT / "plugins").rglob("*.py")} - {"recalls_plugin"}
    assert modules
    script = f"""
import sys
from airflow import plugins_manager
plugins_manager.get_plugin_info()
print(*sorted({modules!r} & sys.modules.keys()), *plugins_manager.get_import_errors())
"""
    assert output_of(script, tmp_path) == ""


def output_of(script: str, home: Path) -> str:
    """Run a script in a new interpreter and Airflow home; return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment()
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]
