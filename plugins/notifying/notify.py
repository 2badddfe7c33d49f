"""News and alerts, handed to the Airflow notifiers that the environment names.

Whatever is wrong with a notifier, the data is published: that is a line in the log and no more.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseNotifier, get_current_context

from include.first.masking import mask_urls

log = logging.getLogger(__name__)
# Each a JSON list of objects: the class of a notifier under `notifier`, and what it takes.
NEWS_TO, ALERTS_TO = "HEADWATERS_NEWS_TO", "HEADWATERS_ALERTS_TO"
CURE = "correct it as docs/news.md shows"
LONGEST_REASON = 300
# Hooks of chats carry their secret in the path; some libraries tell it without the host.
PATH = re.compile(r"(\w://[^/?#\s'\"<>]+|\burl: ?)[/?#][^\s'\"<>]*", re.IGNORECASE)
SENT = "sent"  # in the task's own state, which its retries see


class WrongSetting(Exception):
    """The environment names something that is no notifier."""


def tell(lake: Any, run: Any) -> None:
    """Send the news of a run, if it committed any; the last step of a task.

    A retry of the task leaves out who has the news. Who is sent it just before a worker dies gets
    it twice: that is better than not at all.
    """
    if not os.environ.get(NEWS_TO):
        return
    from include.vehicle_recalls.report import notice

    news = notice(lake, run)
    if news is None:
        return
    context: Any = get_current_context()
    state = context.get("task_state_store")
    sent = [] if state is None else list(state.get(SENT, []))
    more = {"headline": news.headline, "news": news.text, "run": run}
    for place in _hand_over(NEWS_TO, {**context, **more}, leave_out=[*sent]):
        sent.append(place)
        if state is not None:
            state.set(SENT, sent)


def alert(context: Mapping[str, Any]) -> None:
    """Say that a run failed: for a DAG's `on_failure_callback`, which must not raise."""
    try:
        headline, text = _failure(context)
        log.error("%s", headline)
        context = {**context, "headline": headline, "alert": text}
        if not hasattr(context.get("dag"), "get_template_env"):
            # `airflow dags test` hands over a DAG that templates cannot be rendered with.
            context.pop("dag", None)
        deque(_hand_over(ALERTS_TO, context), maxlen=0)
    except Exception as error:  # noqa: BLE001 - an alert that breaks must not hide the failure
        log.error("%s: no alert was sent: %s", ALERTS_TO, _reason(error))  # noqa: TRY400


def _failure(context: Mapping[str, Any]) -> tuple[str, str]:
    dag_id = getattr(context.get("dag"), "dag_id", "a DAG")
    task = context.get("ti")
    failed_at = getattr(task, "task_id", None)
    headline = f"{dag_id} failed" + (f" at {failed_at}" if failed_at else "")
    facts = {
        "run": context.get("run_id"),
        "reason": context.get("reason"),
        "error": _error(context.get("exception")),
        "log": _link(getattr(task, "log_url", None)),
        "what to do": "the log's last line says it; docs/runbook.md has more",
    }
    lines = [f"- {name}: {fact}" for name, fact in facts.items() if fact]
    return headline, "\n".join([f"# {headline}", "", *lines, ""])


def _error(raised: object) -> str:
    """What was raised, where Airflow hands it over: of a whole run it knows no more than why."""
    if not raised:
        return ""
    said = mask_urls(" ".join(str(raised).split()))[:LONGEST_REASON]
    return f"{type(raised).__name__}: {said}" if isinstance(raised, BaseException) else said


def _link(url: str | None) -> str:
    """A link that leads somewhere: without a web server its host or port is made up."""
    try:
        parts = urlsplit(url or "")
        leads = parts.hostname and parts.port != 0
    except ValueError:  # no port
        return ""
    return url if url and leads else ""


def _hand_over(
    variable: str, context: Mapping[str, Any], leave_out: Sequence[str] = ()
) -> Iterator[str]:
    """Call each notifier that the variable names; yields the place of each that did its work."""
    for number, wanted in enumerate(_wanted(variable), 1):
        place = f"{variable}, entry {number}"
        if place in leave_out:
            log.info("%s: was sent before", place)
            continue
        try:
            _notify(_notifier(wanted), {**context})
        except Exception as error:  # noqa: BLE001 - a notifier may raise anything
            log.error("%s: not sent: %s", place, _reason(error))  # noqa: TRY400
        else:
            log.info("%s: sent by %s", place, wanted["notifier"])
            yield place


def _notify(notifier: BaseNotifier, context: Any) -> None:
    """Not by calling it: it would log an error as it is, with what a URL may carry."""
    notifier.render_template_fields(context)
    notifier.notify(context)


def _wanted(variable: str) -> list[Any]:
    """The entries of the variable; one that cannot be read has none, and is told."""
    try:
        entries = json.loads(os.environ.get(variable) or "[]")
    except ValueError as error:
        log.error("%s: nothing was sent: it is no JSON, %s; %s", variable, error, CURE)  # noqa: TRY400
        return []
    if not isinstance(entries, list):
        log.error("%s: nothing was sent: it is no JSON list; %s", variable, CURE)
        return []
    return entries


def _notifier(wanted: Any) -> BaseNotifier:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("notifier"), str):
        raise WrongSetting(f"it is no object that names a `notifier`; {CURE}")
    given = {**wanted}
    path = given.pop("notifier")
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise WrongSetting(f"there is no {path}; install its provider, or {CURE}") from None
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise WrongSetting(f"{path} is no Airflow notifier; {CURE}")
    try:
        notifier: BaseNotifier = kind(**given)
    except TypeError as error:
        raise WrongSetting(f"{error}; {CURE}") from None
    return notifier


def _reason(error: Exception) -> str:
    """In one line, and without what a URL may carry."""
    said = PATH.sub(r"\1/***", mask_urls(" ".join(str(error).split())))[:LONGEST_REASON]
    return said if isinstance(error, WrongSetting) else f"{type(error).__name__}: {said}"
