"""The content type of an object, by its key; browsers need it where a bucket is a web site."""

TYPES = {
    "atom": "application/atom+xml",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gz": "application/gzip",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


def content_type(key: str) -> str:
    if key.endswith(".json") and "feeds/" in key:
        return "application/feed+json"
    return TYPES.get(key.rpartition(".")[2], "application/octet-stream")
