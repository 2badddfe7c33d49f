"""The site's files from the bucket, for people who may see the DAG vehicle_recalls.

Only keys below `site/` are served. Airflow compresses what the browser takes compressed.
"""

import hashlib
import re
from pathlib import Path, PurePosixPath

from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import Depends, FastAPI, HTTPException, Request, Response

HERE = Path(__file__).parent
SITE, MANIFEST = "site/", "site.json"
PATH = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
HASHED = ("assets/", "files/", "shards/")
CONTENT_TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
NO_RECALLS = "The lake has no recalls yet: trigger vehicle_recalls, which makes this page too."
NO_SITE = "The recalls have no page yet: trigger vehicle_recalls again; its task `site` makes it."

app = FastAPI(
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_dag("GET", param_dag_id="vehicle_recalls"))],
)


@app.get("/airflow.js")
def bundle(request: Request) -> Response:
    return _answer(request, "airflow.js", (HERE / "airflow.js").read_bytes())


@app.get("/icon.svg")
def icon(request: Request) -> Response:
    return _answer(request, "icon.svg", (HERE / "icon.svg").read_bytes())


@app.get("/{path:path}")
def site_file(request: Request, path: str) -> Response:
    from include.errors import PermanentError
    from include.lake.store import StoreError
    from plugins.hooks.store_hook import StoreHook

    path = path or "index.html"
    if not PATH.fullmatch(path):
        raise HTTPException(404, "The site has no such file.")
    try:
        store = StoreHook().get_conn()
        body = store.get_if_exists(SITE + path)
        if body is None and path in {MANIFEST, "index.html"}:
            log = store.list("vehicle_recalls/table/_delta_log", recursive=False)
            raise HTTPException(404, NO_SITE if log else NO_RECALLS)
    except (StoreError, PermanentError, AirflowNotFoundException) as error:
        raise HTTPException(503, f"The site cannot be read: {error}.") from None
    if body is None:
        raise HTTPException(404, "The site has no such file; reload the page for the newest one.")
    return _answer(request, path, body)


def _answer(request: Request, path: str, body: bytes) -> Response:
    suffix = PurePosixPath(path).suffix
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {
        "ETag": etag,
        # A login is asked for, so no cache that people share may keep it.
        "Cache-Control": "private, max-age=31536000, immutable"
        if path.startswith(HASHED)
        else "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(
        body, headers=headers, media_type=CONTENT_TYPES.get(suffix, "application/octet-stream")
    )
