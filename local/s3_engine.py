"""S3 without Docker, on a free port of 127.0.0.1: LocalStack, or moto by S3_ENGINE."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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
S3 = "the local S3"
Command = tuple[list[str | Path], dict[str, str]]


def chosen_engine(settings: Mapping[str, str] = os.environ) -> str:
    name = settings.get("S3_ENGINE") or "localstack"
    if name not in ENGINES:
        raise Misuse(f"S3_ENGINE is {name!r}; choose one of {', '.join(ENGINES)}, or leave it out")
    return name


@contextmanager
def running_s3(folder: Path, engine: str = "") -> Iterator[str]:
    """An S3 with its files in `folder`; it ends with its starter, even after SIGKILL."""
    process, url = start_s3(folder, engine or chosen_engine(), ends_with_us=True)
    try:
        wait_until(lambda: s3_runs(url), S3, process, log_of(folder))
        yield url
    finally:
        end_groups([process.pid], patience_s=0)  # what it holds is not needed any more
        process.wait()
        if process.stdin:
            process.stdin.close()


def start_s3(
    folder: Path, engine: str, *, ends_with_us: bool = False
) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    command, environment = ENGINES[engine](folder, port)
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


def s3_runs(url: str) -> bool:
    """Whether it answers as an S3, of either engine."""
    answer = ask(f"{url}/there-is-no-such-bucket")
    return answer is not None and b"NoSuchBucket" in answer[1]


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


def _moto(_folder: Path, port: int) -> Command:
    main = s3_engine_main.__file__
    return [sys.executable, "-P", main, "moto.server", "-H", "127.0.0.1", "-p", str(port)], {}


ENGINES: dict[str, Callable[[Path, int], Command]] = {"localstack": _localstack, "moto": _moto}
