"""LocalStack without Docker: S3 only, on a free port, from its own virtual environment."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import localstack_main
from local.localstack_main import ENDS_WITH_STDIN
from local.processes import (
    LocalError,
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


@contextmanager
def running_localstack(folder: Path) -> Iterator[str]:
    """A LocalStack with its files in `folder`; it ends with its starter, even after SIGKILL."""
    process, url = start_localstack(folder, ends_with_us=True)
    try:
        wait_until(lambda: s3_runs(url), "LocalStack", process, log_of(folder))
        yield url
    finally:
        end_groups([process.pid], patience_s=0)  # what it holds is not needed any more
        process.wait()
        if process.stdin:
            process.stdin.close()


def start_localstack(
    folder: Path, *, ends_with_us: bool = False
) -> tuple[subprocess.Popen[bytes], str]:
    if not PYTHON.exists():
        raise LocalError(f"LocalStack is not installed in {PYTHON.parents[1]}; run `make install`")
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    static = folder / "filesystem" / "usr"
    if CATALOG.exists() and not static.exists():
        static.parent.mkdir(exist_ok=True)
        static.symlink_to(CATALOG)
    environment = clean_environment() | {
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
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
    process = start_group(
        # -P: this folder's modules are not LocalStack's.
        [PYTHON, "-P", localstack_main.__file__, *([ENDS_WITH_STDIN] if ends_with_us else [])],
        environment,
        log_of(folder),
        folder=folder,
        stdin=subprocess.PIPE if ends_with_us else subprocess.DEVNULL,
    )
    return process, f"http://127.0.0.1:{port}"


def s3_runs(url: str) -> bool:
    answer = ask(f"{url}/_localstack/health")
    try:
        return answer is not None and json.loads(answer[1])["services"].get("s3") == "running"
    except (ValueError, KeyError):
        return False


def log_of(folder: Path) -> Path:
    return folder / "localstack.log"
