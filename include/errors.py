"""Errors that a retry cannot fix: Airflow fails the task at once."""


class PermanentError(Exception):
    """Repeating changes nothing; a person has to act. The message says on what."""
