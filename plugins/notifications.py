"""News and alerts, sent by the Airflow notifiers that the environment names.

The data is published before anything is sent: a notifier that fails is one line in the log.
"""

import json
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pkgutil import resolve_name
from typing import Any

from airflow.sdk import BaseNotifier, get_current_context

from include.data.formatting import printable
from include.http.masking import mask_urls

log = logging.getLogger(__name__)
# Each is a JSON list of objects: the class of a notifier as `notifier`, and its arguments.
NEWS_TO, ALERTS_TO = "HEADWATERS_NEWS_TO", "HEADWATERS_ALERTS_TO"
HINT = "correct it as docs/news.md shows"
MAX_REASON = 300
# Webhooks of chats carry a secret in the path; some libraries show it without the host.
PATH = re.compile(r"(\w://[^/?#\s'\"<>]+|\burl: ?)[/?#][^\s'\"<>]*", re.IGNORECASE)
SENT = "sent"  # in the task's own state, which its retries see


class WrongSetting(Exception):
    """The environment names something that is not a notifier."""


def send_news(headline: str, news: str, receipt: Mapping[str, Any]) -> None:
    """Send the news of a run, as the last step of a task.

    A retry of the task skips the notifiers that succeeded. A worker that dies right after sending
    makes the retry send twice, which is better than never.
    """
    context: Any = get_current_context()
    state = context.get("task_state_store")
    sent = [] if state is None else list(state.get(SENT, []))
    facts = {"headline": headline, "news": news, "run": receipt}
    for place in send(NEWS_TO, {**context, **facts}, skip=[*sent]):
        sent.append(place)
        if state is not None:
            state.set(SENT, sent)


def send_alert(context: Mapping[str, Any]) -> None:
    """Report a failed run: for a DAG's `on_failure_callback`, which must not raise."""
    try:
        headline, text = _failure(context)
        log.error("%s", headline)
        context = {**context, "headline": headline, "alert": text}
        if not hasattr(context.get("dag"), "get_template_env"):
            # `airflow dags test` passes a DAG that cannot render templates.
            context.pop("dag", None)
        list(send(ALERTS_TO, context))
    except Exception as error:  # noqa: BLE001 - a broken alert must not hide the failure
        log.error("%s: no alert was sent: %s", ALERTS_TO, _reason(error))  # noqa: TRY400


def send(variable: str, context: Mapping[str, Any], skip: Collection[str] = ()) -> Iterator[str]:
    """Call each notifier that the variable names; yield the place of each that succeeded."""
    for number, entry in enumerate(_entries(variable), 1):
        place = f"{variable}, entry {number}"
        if place in skip:
            log.info("%s: was sent before", place)
            continue
        try:
            notifier = _notifier(entry)
            # Not by calling the notifier, which would log an error with its URL.
            facts: Any = {**context}
            notifier.render_template_fields(facts)
            notifier.notify(facts)
        except Exception as error:  # noqa: BLE001 - a notifier may raise anything
            log.error("%s: not sent: %s", place, _reason(error))  # noqa: TRY400
        else:
            log.info("%s: sent by %s", place, entry["notifier"])
            yield place


def _failure(context: Mapping[str, Any]) -> tuple[str, str]:
    dag_id = getattr(context.get("dag"), "dag_id", "a DAG")
    task = context.get("ti")
    task_id = getattr(task, "task_id", None)
    headline = f"{dag_id} failed" + (f" at {task_id}" if task_id else "")
    facts = {
        "run": context.get("run_id"),
        "reason": context.get("reason"),
        "error": _one_line(context.get("exception")),
        "log": getattr(task, "log_url", None),
        "what to do": "the last line of the log says it; docs/runbook.md has more",
    }
    lines = [f"- {name}: {fact}" for name, fact in facts.items() if fact]
    return headline, "\n".join([f"# {headline}", "", *lines, ""])


def _entries(variable: str) -> list[Any]:
    try:
        entries = json.loads(os.environ.get(variable) or "[]")
    except ValueError as error:
        problem = f"it is not JSON, {error}"
    else:
        if isinstance(entries, list):
            return entries
        problem = "it is not a JSON list"
    log.error("%s: nothing was sent: %s; %s", variable, problem, HINT)
    return []


def _notifier(entry: Any) -> BaseNotifier:
    if not isinstance(entry, dict) or not isinstance(entry.get("notifier"), str):
        raise WrongSetting(f"it is not an object that names a `notifier`; {HINT}")
    arguments = {**entry}
    path = arguments.pop("notifier")
    try:
        kind = resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        raise WrongSetting(f"{path} does not exist; install its provider, or {HINT}") from None
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise WrongSetting(f"{path} is not an Airflow notifier; {HINT}")
    try:
        return kind(**arguments)
    except TypeError as error:
        raise WrongSetting(f"{error}; {HINT}") from None


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, WrongSetting) else PATH.sub(r"\1/***", _one_line(error))


def _one_line(error: object) -> str:
    """An error, or what Airflow gives instead, without users and passwords of URLs."""
    if not error:
        return ""
    said = printable(mask_urls(" ".join(str(error).split())))[:MAX_REASON]
    return f"{type(error).__name__}: {said}" if isinstance(error, BaseException) else said
