"""A store that can be worked on without a trace: reads reach the bucket, writes stay in memory."""

from collections.abc import Iterable
from typing import NoReturn

from include.lake.store import Store, StoredObject, StoreError


class ScratchStore(Store):
    def __init__(self, store: Store) -> None:
        super().__init__(store.bucket, **store._given)  # noqa: SLF001 - the same class
        self.written: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> str:
        return self.replace(key, body)

    def replace(self, key: str, body: bytes) -> str:
        self.written[key] = bytes(body)
        return ""

    def get(self, key: str) -> bytes:
        return self.written[key] if key in self.written else super().get(key)

    def list(self, folder: str, *, recursive: bool = True) -> dict[str, StoredObject]:
        written = {
            key: StoredObject(key, len(body), "")
            for key, body in self.written.items()
            if key.startswith(f"{folder}/")
        }
        return super().list(folder, recursive=recursive) | written

    def copy(self, source: str, key: str) -> None:
        self._refuse(source, key)

    def delete(self, keys: Iterable[str]) -> None:
        self._refuse(*keys)

    def _refuse(self, *_: str) -> NoReturn:
        raise StoreError(f"s3://{self.bucket} is only read here; use the store itself")
