"""What is hopeless now and will be in a minute: tasks that raise it are not tried again."""

from __future__ import annotations


class PermanentError(Exception):
    """Repeating changes nothing; somebody has to look. The message says at what."""
