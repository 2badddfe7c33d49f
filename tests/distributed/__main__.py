"""Run `vehicle_recalls` on CeleryExecutor: one worker, two workers, and one of two killed.

`make test-distributed` runs it; `ARGS='--rows 150000'` makes it shorter. Each run has its own
bucket. The first failed check ends the program with one line and exit code 1.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks.headwaters import open_store
from benchmarks.servers import fresh_bucket
from local.processes import LocalError, stopwatch
from tests.distributed.checks import Outcome, check_equal, check_lake, check_retry, name_of, verify
from tests.distributed.cluster import SLOTS, Cluster, running_cluster

WORKERS = ("worker-1", "worker-2")
POLL_S = 1.0
BATCH = "batch."
Log = Callable[[str], None]


class Kill(NamedTuple):
    at: datetime
    progress: str
    tasks: list[dict[str, Any]]  # running on the worker


class Measurement(NamedTuple):
    label: str
    outcome: Outcome
    wall_s: float
    workers_cpu_s: float
    others_cpu_s: float
    retried_tasks: int
    kill_report: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000, help="rows of the source")
    rows = parser.parse_args().rows
    log = stopwatch()
    try:
        with running_cluster(rows, log) as cluster:
            print(table(rows, compare(cluster, log)))
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        log("interrupted; every process has ended")
        return 130
    return 0


def compare(cluster: Cluster, log: Log) -> list[Measurement]:
    cluster.start_worker(WORKERS[0])
    one = run(cluster, "one worker", log)
    cluster.start_worker(WORKERS[1])
    two = run(cluster, "two workers", log)
    check_equal(two.outcome, one.outcome)
    killed = run(cluster, "two workers, one killed", log, kill=WORKERS[1])
    check_equal(killed.outcome, one.outcome)
    return [one, two, killed]


def run(cluster: Cluster, label: str, log: Log, kill: str = "") -> Measurement:
    """Run the DAG into a new bucket and check the result."""
    with fresh_bucket(cluster.s3_url) as bucket:
        variables = cluster.use_lake(bucket)
        before = cpu_s(cluster)
        path = cluster.airflow.trigger()
        kill_event = kill_half_way(cluster, path, kill, log) if kill else None
        while (found := cluster.airflow.run(path))["state"] in {"queued", "running"}:
            cluster.parts.raise_if_any_died()
            time.sleep(POLL_S)
        workers_s, others_s = (now - was for now, was in zip(cpu_s(cluster), before, strict=True))
        if found["state"] != "success":
            raise LocalError(f"{label}: the run ended as {found['state']}")
        wall_s = (moment(found["end_date"]) - moment(found["start_date"])).total_seconds()
        log(f"{label}: {wall_s:.0f} s")
        outcome = check_lake(open_store(cluster.s3_url, bucket), cluster.recalls_url)
        report = ""
        if kill_event:
            report = check_recovery(cluster, path, kill_event)
            verify(variables)
            log("`verify` passes")
        retries = sum(task["try_number"] > 1 for task in cluster.airflow.tasks(path))
        return Measurement(label, outcome, wall_s, workers_s, others_s, retries, report)


def kill_half_way(cluster: Cluster, path: str, worker: str, log: Log) -> Kill:
    """Send SIGKILL to a worker that runs a batch task, once half of these tasks are done."""
    while True:
        cluster.parts.raise_if_any_died()
        tasks = cluster.airflow.tasks(path)
        batches = [t for t in tasks if t["task_id"].startswith(BATCH) and t["map_index"] >= 0]
        done = [task for task in batches if task["state"] == "success"]
        if 0 < len(batches) <= 2 * len(done) and (running := pause_at_batch(cluster, path, worker)):
            cluster.parts.kill(worker)
            killed = Kill(datetime.now(UTC), f"{len(done)} of {len(batches)} tasks", running)
            log(f"{worker} killed after {killed.progress}, while it ran {names_of(running)}")
            return killed
        if len(done) == len(batches) > 0 or cluster.airflow.run(path)["state"] == "failed":
            raise LocalError(f"{worker} was never seen running a batch task; use more rows")
        time.sleep(POLL_S)


def pause_at_batch(cluster: Cluster, path: str, worker: str) -> list[dict[str, Any]]:
    """Pause the worker if it runs a batch task; return its running tasks."""
    cluster.parts.signal(worker, signal.SIGSTOP)
    time.sleep(POLL_S)  # Airflow still stores the states that the worker sent
    tasks = cluster.airflow.tasks(path)
    running = [t for t in tasks if t["state"] == "running" and cluster.owns(worker, t["pid"])]
    if not any(task["task_id"].startswith(BATCH) for task in running):
        cluster.parts.signal(worker, signal.SIGCONT)
        return []
    return running


def check_recovery(cluster: Cluster, path: str, kill: Kill) -> str:
    """Check that the tasks of the killed worker were retried; report the delay."""
    tries = [cluster.airflow.tries(path, task) for task in kill.tasks]
    for task, of_task in zip(kill.tasks, tries, strict=True):
        check_retry(task, of_task)
    restarted = max(moment(of_task[-1]["start_date"]) for of_task in tries)
    return (
        f"A worker was killed after {kill.progress}, while it ran {names_of(kill.tasks)}; all of "
        f"its tasks had restarted {(restarted - kill.at).total_seconds():.0f} s later."
    )


def cpu_s(cluster: Cluster) -> tuple[float, float]:
    """CPU seconds so far of the workers and of the other parts, without PostgreSQL."""
    spent = cluster.parts.cpu_s()
    workers = sum(spent.get(name, 0.0) for name in WORKERS)
    return workers, sum(spent.values()) - workers


def table(rows: int, runs: list[Measurement]) -> str:
    head = (
        f"\n| {rows:,} rows, {SLOTS} parallel tasks per worker | wall s | rows/s | CPU s of the "
        "workers | CPU s of the other parts | retried tasks |\n|---|---:|---:|---:|---:|---:|\n"
    )
    lines = (
        f"| {each.label} | {each.wall_s:.0f} | {each.outcome.rows / each.wall_s:,.0f} "
        f"| {each.workers_cpu_s:.0f} | {each.others_cpu_s:.0f} | {each.retried_tasks} |\n"
        for each in runs
    )
    one, two, killed = runs
    return (
        f"{head}{''.join(lines)}\n{killed.kill_report}\n"
        f"Two workers took {two.wall_s / one.wall_s:.2f} times as long as one; the kill cost "
        f"{killed.wall_s - two.wall_s:.0f} s and {killed.workers_cpu_s - two.workers_cpu_s:.0f} "
        "CPU s of the workers. All three runs wrote identical year files in one commit."
    )


def names_of(tasks: list[dict[str, Any]]) -> str:
    return " and ".join(map(name_of, tasks))


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up, as Ctrl-C does
    sys.exit(main())
