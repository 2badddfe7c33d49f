"""S3 without Docker, on a free port of 127.0.0.1: LocalStack, or moto by S3_ENGINE."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from local import s3_engine_main
from local.processes import (
    LocalError,
    Misuse,
    ask,
    clean_environment,
    end_groups,
    free_port,
    start_group,
    wait_until,
)

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
# Its catalog of AWS takes LocalStack many seconds to make at a first start; `make install` did.
CATALOG = ROOT / ".venv-localstack" / "catalog" / "usr"
Command = tuple[list[str | Path], dict[str, str]]


class Engine(NamedTuple):
    """How an S3 is started in a folder on a port, and how it is asked for a sign of life."""

    name: str
    command: Callable[[Path, int], Command]
    runs: Callable[[str], bool]


def chosen_engine(settings: Mapping[str, str] = os.environ) -> Engine:
    name = settings.get("S3_ENGINE") or "localstack"
    if name not in ENGINES:
        raise Misuse(f"S3_ENGINE is {name!r}; choose one of {', '.join(ENGINES)}, or leave it out")
    return ENGINES[name]


@contextmanager
def running_s3(folder: Path, engine: Engine | None = None) -> Iterator[str]:
    """An S3 with its files in `folder`; it ends with its starter, even after SIGKILL."""
    engine = engine or chosen_engine()
    process, url = start_s3(folder, engine, ends_with_us=True)
    try:
        wait_until(lambda: engine.runs(url), engine.name, process, log_of(folder))
        yield url
    finally:
        end_groups([process.pid], patience_s=0)  # what it holds is not needed any more
        process.wait()
        if process.stdin:
            process.stdin.close()


def start_s3(
    folder: Path, engine: Engine, *, ends_with_us: bool = False
) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    command, environment = engine.command(folder, port)
    process = start_group(
        [*command, *([s3_engine_main.ENDS_WITH_STDIN] if ends_with_us else [])],
        clean_environment()
        | {"HOME": str(folder), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
        | environment,
        log_of(folder),
        folder=folder,
        stdin=subprocess.PIPE if ends_with_us else subprocess.DEVNULL,
    )
    return process, f"http://127.0.0.1:{port}"


def s3_folder(root: Path, name: str) -> Path:
    return root / ".local" / name.lower()


def log_of(folder: Path) -> Path:
    return folder / "s3.log"


def _localstack(folder: Path, port: int) -> Command:
    if not PYTHON.exists():
        raise LocalError(f"LocalStack is not installed in {PYTHON.parents[1]}; run `make install`")
    static = folder / "filesystem" / "usr"
    if CATALOG.exists() and not static.exists():
        static.parent.mkdir(exist_ok=True)
        static.symlink_to(CATALOG)
    # -P: this folder's modules are not LocalStack's.
    return [PYTHON, "-P", s3_engine_main.__file__, s3_engine_main.LOCALSTACK], {
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(folder / "filesystem"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"localhost:{port}",
        "SERVICES": "s3",
        "EAGER_SERVICE_LOADING": "1",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
    }


def _localstack_runs(url: str) -> bool:
    answer = ask(f"{url}/_localstack/health")
    try:
        return answer is not None and json.loads(answer[1])["services"].get("s3") == "running"
    except (ValueError, KeyError):
        return False


def _moto(_folder: Path, port: int) -> Command:
    main = s3_engine_main.__file__
    return [sys.executable, "-P", main, "moto.server", "-H", "127.0.0.1", "-p", str(port)], {}


def _moto_runs(url: str) -> bool:
    answer = ask(f"{url}/moto-api/")
    return answer is not None and answer[0] == HTTPStatus.OK


ENGINES = {
    "localstack": Engine("LocalStack", _localstack, _localstack_runs),
    "moto": Engine("moto", _moto, _moto_runs),
}
S3_NAMES = frozenset(engine.name for engine in ENGINES.values())
