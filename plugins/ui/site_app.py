"""The site's data from the bucket, for people who may see the DAG vehicle_recalls.

Scripts and styles are those that are installed with Airflow: a page here has the rights of the
person who looks at it, and many more programs may write to a bucket. What the bucket gives is
data, which no browser runs. Airflow compresses what is not compressed.
"""

import hashlib
import re
from pathlib import Path

from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import Depends, FastAPI, HTTPException, Request, Response

from include.lake.keys import content_type

HERE = Path(__file__).parent
SITE, MANIFEST = "site/", "site.json"
PATH = re.compile(r"\w+\.json|(feeds|files|shards)(/\w[\w.-]*)+", re.ASCII)
HASHED = ("files/", "shards/")
NO_RECALLS = "The lake has no recalls yet: trigger vehicle_recalls, which makes this page too."
MISSING = "The site has no such file; reload the page for the newest one."
NO_SITE = "The recalls have no page yet: trigger vehicle_recalls again; its task `site` makes it."

app = FastAPI(
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_dag("GET", param_dag_id="vehicle_recalls"))],
)


@app.get("/airflow.js")
@app.get("/icon.svg")
def own_file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return _answer(request, name, (HERE / name).read_bytes())


@app.get("/code/{name:path}")
def code(request: Request, name: str) -> Response:
    from include.site.code import code_files

    if name not in code_files():
        raise HTTPException(404, MISSING)
    return _answer(request, name, code_files()[name])


@app.get("/{path:path}")
def site_file(request: Request, path: str) -> Response:
    from include.errors import PermanentError
    from include.lake.store import StoreError
    from plugins.hooks.store_hook import StoreHook

    if not PATH.fullmatch(path):
        raise HTTPException(404, MISSING)
    try:
        store = StoreHook().get_conn()
        body = store.get_if_exists(SITE + path)
        if body is None and path == MANIFEST:
            log = store.list("vehicle_recalls/table/_delta_log", recursive=False)
            raise HTTPException(404, NO_SITE if log else NO_RECALLS)
    except (StoreError, PermanentError, AirflowNotFoundException) as error:
        raise HTTPException(503, f"The site cannot be read: {error}.") from None
    if body is None:
        raise HTTPException(404, MISSING)
    return _answer(request, path, body)


def _answer(request: Request, path: str, body: bytes) -> Response:
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {
        "ETag": etag,
        # A login is asked for, so no cache that people share may keep it.
        "Cache-Control": "private, max-age=31536000, immutable"
        if path.startswith(HASHED)
        else "private, no-cache",
        "Content-Security-Policy": "default-src 'none'; sandbox",  # if opened as a page
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=content_type(path))
