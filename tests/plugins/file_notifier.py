"""A notifier that Airflow finds by its path, and that writes to a file."""

from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier


class FileNotifier(BaseNotifier):
    """Adds its text, as Airflow rendered it, to a file; a text `raises` is an error instead."""

    template_fields = ("text",)

    def __init__(self, *, path: str, text: str, raises: str = "", **given: Any) -> None:
        super().__init__(**given)
        self.path, self.text, self.raises = Path(path), text, raises

    def notify(self, _: Any) -> None:
        if self.raises:
            raise ConnectionError(self.raises)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self.text + "\n")
