"""The flagship on CeleryExecutor without containers: one worker, two, and one of two killed.

`make test-distributed`, or for a try `make test-distributed ARGS='--rows 150000'`. Each run has a
bucket of its own. Whatever is not as it must be ends it with one line and exit code 1.
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
from tests.distributed.cluster import SLOTS, Cluster, running_cluster
from tests.distributed.proof import Outcome, name_of, prove, prove_same, retried, verify

WORKERS = ("worker-1", "worker-2")
LOOK_EVERY_S = 1.0
BATCH = "batch."
Say = Callable[[str], None]


class Killed(NamedTuple):
    at: datetime
    done: str  # how much of the run
    tasks: list[dict[str, Any]]  # at work on the worker


class Ran(NamedTuple):
    how: str
    outcome: Outcome
    wall_s: float
    workers_cpu_s: float
    others_cpu_s: float
    tried_again: int  # tasks
    told: str = ""  # of a worker that was killed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000, help="of the source")
    rows = parser.parse_args().rows
    say = stopwatch()
    try:
        with running_cluster(rows, say) as cluster:
            print(table(rows, compare(cluster, say)))
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted; all that was started has ended")
        return 130
    return 0


def compare(cluster: Cluster, say: Say) -> list[Ran]:
    cluster.start_worker(WORKERS[0])
    one = run(cluster, "one worker", say)
    cluster.start_worker(WORKERS[1])
    two = run(cluster, "two workers", say)
    prove_same(two.outcome, one.outcome)
    killed = run(cluster, "two workers, one killed", say, kill=WORKERS[1])
    prove_same(killed.outcome, one.outcome)
    return [one, two, killed]


def run(cluster: Cluster, how: str, say: Say, kill: str = "") -> Ran:
    """One whole run into a bucket of its own, and what it left there looked at."""
    with fresh_bucket(cluster.s3_url) as bucket:
        variables = cluster.use_lake(bucket)
        before = spent_s(cluster)
        path = cluster.airflow.trigger()
        killed = kill_half_way(cluster, path, kill, say) if kill else None
        while (found := cluster.airflow.run(path))["state"] in {"queued", "running"}:
            cluster.parts.complain_of_the_dead()
            time.sleep(LOOK_EVERY_S)
        workers_s, others_s = (now - was for now, was in zip(spent_s(cluster), before, strict=True))
        if found["state"] != "success":
            raise LocalError(f"{how}: the run ended {found['state']}")
        wall_s = (moment(found["end_date"]) - moment(found["start_date"])).total_seconds()
        say(f"{how}: {wall_s:.0f} s")
        outcome = prove(open_store(cluster.s3_url, bucket), cluster.recalls_url)
        told = ""
        if killed:
            told = after(cluster, path, killed)
            verify(variables)
            say("verify finds the lake sound")
        again = sum(task["try_number"] > 1 for task in cluster.airflow.tasks(path))
        return Ran(how, outcome, wall_s, workers_s, others_s, again, told)


def kill_half_way(cluster: Cluster, path: str, worker: str, say: Say) -> Killed:
    """SIGKILL to a worker that is at work on a batch, when half of the batches' tasks are done."""
    while True:
        cluster.parts.complain_of_the_dead()
        tasks = cluster.airflow.tasks(path)
        batches = [t for t in tasks if t["task_id"].startswith(BATCH) and t["map_index"] >= 0]
        done = [task for task in batches if task["state"] == "success"]
        if 0 < len(batches) <= 2 * len(done) and (here := frozen_at_work(cluster, path, worker)):
            cluster.parts.kill(worker)
            killed = Killed(datetime.now(UTC), f"{len(done)} of {len(batches)} tasks", here)
            say(f"{worker} killed after {killed.done}, with {names_of(here)} at work")
            return killed
        if len(done) == len(batches) > 0 or cluster.airflow.run(path)["state"] == "failed":
            raise LocalError(f"{worker} was never seen at work on a batch; take more rows")
        time.sleep(LOOK_EVERY_S)


def frozen_at_work(cluster: Cluster, path: str, worker: str) -> list[dict[str, Any]]:
    """What the worker is at work on, held still, so that nothing of it is done before the kill."""
    cluster.parts.signal(worker, signal.SIGSTOP)
    time.sleep(LOOK_EVERY_S)  # for what it has said already to be written
    tasks = cluster.airflow.tasks(path)
    here = [t for t in tasks if t["state"] == "running" and cluster.runs_on(worker, t["pid"])]
    if not any(task["task_id"].startswith(BATCH) for task in here):
        cluster.parts.signal(worker, signal.SIGCONT)
        return []
    return here


def after(cluster: Cluster, path: str, killed: Killed) -> str:
    """What became of the tasks that the killed worker had, in a sentence."""
    tries = [cluster.airflow.tries(path, task) for task in killed.tasks]
    for task, of_task in zip(killed.tasks, tries, strict=True):
        retried(task, of_task)
    again = max(moment(of_task[-1]["start_date"]) for of_task in tries)
    return (
        f"A worker got SIGKILL after {killed.done}, with {names_of(killed.tasks)} at work; all "
        f"that it had was at work again {(again - killed.at).total_seconds():.0f} s later."
    )


def spent_s(cluster: Cluster) -> tuple[float, float]:
    """CPU seconds so far of the workers, and of all other parts but PostgreSQL."""
    spent = cluster.parts.cpu_s()
    workers = sum(spent.get(name, 0.0) for name in WORKERS)
    return workers, sum(spent.values()) - workers


def table(rows: int, runs: list[Ran]) -> str:
    head = (
        f"\n| {rows:,} rows, {SLOTS} tasks at once a worker | wall s | rows/s | CPU s of the "
        "workers | CPU s of the other parts | tasks tried again |\n|---|---:|---:|---:|---:|---:|\n"
    )
    lines = (
        f"| {ran.how} | {ran.wall_s:.0f} | {ran.outcome.rows / ran.wall_s:,.0f} "
        f"| {ran.workers_cpu_s:.0f} | {ran.others_cpu_s:.0f} | {ran.tried_again} |\n"
        for ran in runs
    )
    one, two, killed = runs
    return (
        f"{head}{''.join(lines)}\n{killed.told}\n"
        f"Two workers took {two.wall_s / one.wall_s:.2f} times as long as one; the kill cost "
        f"{killed.wall_s - two.wall_s:.0f} s and {killed.workers_cpu_s - two.workers_cpu_s:.0f} "
        "CPU s of the workers. All three runs made the same bytes, year by year, in one commit."
    )


def names_of(tasks: list[dict[str, Any]]) -> str:
    return " and ".join(map(name_of, tasks))


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up, as Ctrl-C does
    sys.exit(main())
