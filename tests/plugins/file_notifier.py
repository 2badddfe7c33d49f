from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier


class FileNotifier(BaseNotifier):
    """Appends the rendered text to a file, or raises an error with the text `raises`."""

    template_fields = ("text",)

    def __init__(self, *, path: str, text: str, raises: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.path, self.text, self.raises = Path(path), text, raises

    def notify(self, _: Any) -> None:
        if self.raises:
            raise ConnectionError(self.raises)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self.text + "\n")
