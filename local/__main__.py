"""`python -m local COMMAND`: what stands behind make's targets."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from local.processes import LocalError, Misuse, tell

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the flagship once on the local APIs")
    run.add_argument("--days", default="", help="run that many days of the source, one by one")
    commands.add_parser("live", help="run the flagship once on the official API")
    commands.add_parser("ui", help="start Airflow with everything connected")
    vin = commands.add_parser("vin", help="start the VIN service on the local APIs")
    vin.add_argument("--live", action="store_true", help="on the real vPIC and NHTSA")
    commands.add_parser("stop", help="end what a killed command left running")
    lake = commands.add_parser("lake", help="open a shell for the lake's commands, or run one")
    lake.add_argument("--live", action="store_true", help="the lake that `make live` fills")
    lake.add_argument("--arguments", default="", help="one command, quoted as in a shell")
    audit = commands.add_parser("audit", help="hold the locks against the known vulnerabilities")
    audit.add_argument("--arguments", default="", help="more for pip-audit, quoted as in a shell")
    dag = commands.add_parser("dag", help="run any DAG once")
    dag.add_argument("dag_id")
    dag.add_argument("--conf", default="", help='a JSON object, such as {"years": [2019]}')
    asked = parser.parse_args()
    for ending in ENDINGS:
        signal.signal(ending, _interrupt)
    try:
        return _do(asked)
    except KeyboardInterrupt:
        tell("interrupted; all that was started has ended", sys.stderr)
        return 130
    except Misuse as error:
        tell(f"error: {error}", sys.stderr)
        return 2
    except LocalError as error:
        tell(f"error: {error}", sys.stderr)
        return 1


def _do(asked: argparse.Namespace) -> int:
    match asked.command:
        case "stop":
            from local.state import stop  # all that works without the virtual environment

            stop(ROOT)
            code = 0
        case "ui":
            from local.ui import run_ui

            code = run_ui(ROOT)
        case "vin":
            from local.vin import run_vin

            code = run_vin(ROOT, live=asked.live)
        case "audit":
            from local.audit import run_audit

            code = run_audit(ROOT, asked.arguments)
        case "dag":
            from local.run import run_once

            code = run_once(ROOT, asked.dag_id, asked.conf, "dag.log")
        case "lake":
            from local.lake_shell import use_lake

            code = use_lake(ROOT, asked.arguments, live=asked.live)
        case "run" if asked.days:
            from local.days import run_days

            code = run_days(ROOT, asked.days)
        case _:
            from local.run import run_flagship

            code = run_flagship(ROOT, official=asked.command == "live")
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Every way to be ended takes the same way out, and what is on it is not interrupted again."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    tell("ending all that was started ...", sys.stderr)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
