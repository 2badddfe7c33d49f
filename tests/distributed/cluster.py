"""Airflow on CeleryExecutor without containers, on 127.0.0.1 and in a temporary folder.

Each part has its own home folder. As on separate machines, workers share only PostgreSQL, Redis,
the API server and S3 with the rest.
"""

import base64
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.airflow_home import AIRFLOW, airflow_environment
from local.environment import RECALLS_API, connect, lake_connection, local_lake
from local.processes import LocalError, clean_environment, free_port, tail
from local.s3_engine import S3, chosen_engine, s3_runs, start_s3
from tests.distributed.airflow_api import AirflowApi
from tests.distributed.parts import Parts
from tests.pipelines.subject_books import postgres

ROOT = Path(__file__).resolve().parents[2]
DAG = "vehicle_recalls"
SLOTS = 2  # parallel tasks per worker
# The timeouts for a dead worker and a slow API server; docker-compose.yaml explains them.
FROM_COMPOSE = (
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT",
)
READY = " ready."
NOT_INSTALLED = (
    "this needs PostgreSQL and Redis on this machine; on Debian: "
    "apt-get install postgresql redis-server"
)


@dataclass(frozen=True)
class Cluster:
    parts: Parts
    settings: dict[str, str]
    port: int
    s3_url: str
    recalls_url: str
    airflow: AirflowApi

    def environment(self, name: str) -> dict[str, str]:
        home = self.parts.home(name)
        shared = airflow_environment(ROOT, "", self.settings, self.port)
        return shared | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            **self.settings,
        }

    def start(self, name: str, *command: str) -> None:
        self.parts.start(name, [*AIRFLOW, *command], self.environment(name))

    def start_worker(self, name: str) -> None:
        concurrency = ("--concurrency", str(SLOTS))
        self.start(
            name, "celery", "worker", "--celery-hostname", name, *concurrency, "--skip-serve-logs"
        )
        log = self.parts.log(name)
        self.parts.wait_until(lambda: READY in log.read_text(errors="replace"), name)

    def owns(self, name: str, pid: int | None) -> bool:
        """Whether this worker runs the process of a task."""
        try:
            return pid is not None and os.getsid(pid) == self.parts.processes[name].pid
        except ProcessLookupError:
            return False

    def use_lake(self, bucket: str) -> dict[str, str]:
        """Point the connection `lake` at a bucket; return the variables for the commands."""
        lake = local_lake(bucket, self.s3_url)
        self.airflow.connect("lake", lake_connection(lake))
        return lake


@contextmanager
def running_cluster(rows: int, log: Callable[[str], None]) -> Iterator[Cluster]:
    """Start everything but the workers; the DAG runs only when triggered."""
    binaries, redis = postgres.programs(), shutil.which("redis-server")
    if not binaries or not redis:
        raise LocalError(NOT_INSTALLED)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="headwaters-cluster-"))
        )
        database = stack.enter_context(postgres.cluster(binaries))
        parts = stack.enter_context(Parts(folder))
        redis_url = _start_redis(parts, redis)
        s3, s3_url = start_s3(parts.home("s3"), chosen_engine(), ends_with_us=True)
        parts.add("s3", s3)
        recalls_url = _start_local_apis(parts, rows)
        parts.wait_until(lambda: s3_runs(s3_url), S3)
        port = free_port()
        settings = clean_environment() | {
            RECALLS_API: connect({}, bucket="-", fakes_url=recalls_url)[RECALLS_API],
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(2 * SLOTS),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CELERY__BROKER_URL": redis_url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.render_as_string(hide_password=False),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            **_compose_settings(),
        }
        airflow = AirflowApi(f"http://127.0.0.1:{port}", DAG)
        cluster = Cluster(parts, settings, port, s3_url, recalls_url, airflow)
        log(f"PostgreSQL, Redis, LocalStack and the local APIs with {rows:,} rows are up")
        _airflow(cluster, "db", "migrate")
        _airflow(cluster, "pools", "import", ROOT / "config" / "pools.json")
        cluster.start("api-server", "api-server")
        parts.wait_until(airflow.answers, "Airflow's api-server")
        cluster.start("dag-processor", "dag-processor")
        cluster.start("scheduler", "scheduler", "--skip-serve-logs")
        parts.wait_until(airflow.has_dag, f"the DAG {DAG}")
        airflow.unpause()
        log("Airflow is up")
        yield cluster


def _compose_settings() -> dict[str, str]:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    return {name: services["worker"]["environment"][name] for name in FROM_COMPOSE}


def _start_redis(parts: Parts, program: str) -> str:
    port, password = free_port(), secrets.token_hex(16)
    settings = parts.home("Redis") / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
    )
    parts.start("Redis", [program, settings], clean_environment())
    parts.wait_until(lambda: _listens(port), "Redis")
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _start_local_apis(parts: Parts, rows: int) -> str:
    port = free_port()
    command = [sys.executable, "-m", "fakes", "--port", str(port), "--rows", str(rows)]
    parts.start("the local APIs", command, clean_environment() | {"PYTHONPATH": str(ROOT)})
    parts.wait_until(lambda: _listens(port), "the local APIs")
    return f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _airflow(cluster: Cluster, *command: str | Path) -> None:
    log = cluster.parts.log(str(command[0]))
    with log.open("wb") as output:
        done = subprocess.run(
            [*AIRFLOW, *command],
            env=cluster.environment("migrate"),
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise LocalError(f"`airflow {command[0]}` ended with {done.returncode}:\n{tail(log)}")
