"""The least that a FastAPI application can do for a request: what the VIN service is held to."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def empty() -> dict[str, str]:
    return {}
