"""LocalStack without Docker: S3 only, on a free port, from a virtual environment of its own."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from local import localstack_main
from local.localstack_main import ENDS_WITH_STDIN
from local.processes import (
    LocalError,
    clean_environment,
    end_groups,
    free_port,
    start_group,
    wait_until,
)

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
# LocalStack's catalogue of AWS takes it seconds to make, and is the same for every start.
CATALOGUES = ROOT / ".venv-localstack" / "catalogues"
CACHE = Path("filesystem/var/lib/localstack/cache")


@contextmanager
def running_localstack(folder: Path) -> Iterator[str]:
    """A LocalStack of one's own, with its files in `folder`; ends with us, even by SIGKILL."""
    process, url = start_localstack(folder, ends_with_us=True)
    try:
        wait_until(lambda: s3_runs(url), "LocalStack", process, log_of(folder))
        keep_catalogue(folder)
        yield url
    finally:
        end_groups([process.pid], patience_s=0)  # nobody wants what it holds
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
    _copy_new(CATALOGUES, folder / CACHE)
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


def keep_catalogue(folder: Path) -> None:
    """Keep the catalogue that a first start has made for every start of this checkout."""
    _copy_new(folder / CACHE, CATALOGUES)


def _copy_new(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for found in source.glob("service-catalog-*.dill"):
        if not (target / found.name).exists():
            # Whoever starts at the same time sees all of the file or none of it.
            with tempfile.NamedTemporaryFile(dir=target, delete=False) as copy:
                copy.write(found.read_bytes())
            Path(copy.name).replace(target / found.name)


def s3_runs(url: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("GET", "/_localstack/health")
        services = json.loads(connection.getresponse().read())["services"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    else:
        return bool(services.get("s3") == "running")
    finally:
        connection.close()


def log_of(folder: Path) -> Path:
    return folder / "localstack.log"
