"""Who is told of news and failures, and that nothing of it can hurt a run."""

from __future__ import annotations

import json
import logging
import re
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from include.vehicle_recalls import report
from include.vehicle_recalls.report import Notice
from plugins.notifying import notify
from plugins.notifying.notify import ALERTS_TO, NEWS_TO, alert, tell

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "news.md"
FILE = "tests.notifying.file_notifier.FileNotifier"
RUN = {"version": 7}
pytestmark = pytest.mark.usefixtures("state")
NEWS = Notice("Vehicle recalls: 1 new & loud", "# Vehicle recalls\n\n- Ford: <b>1</b>\n")


class State(dict[str, Any]):
    """What Airflow keeps for a task from try to try."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.fixture
def state(monkeypatch) -> State:
    """A task is running whose run has news."""
    kept = State()
    context = {"run_id": "manual 1", "task_state_store": kept}
    monkeypatch.setattr(notify, "get_current_context", lambda: context)
    monkeypatch.setattr(report, "notice", lambda *_: NEWS)
    monkeypatch.delenv(NEWS_TO, raising=False)
    monkeypatch.delenv(ALERTS_TO, raising=False)
    return kept


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.txt"


def entry(told: Path, text: str = "{{ headline }}", **more: str) -> dict[str, str]:
    return {"notifier": FILE, "path": str(told), "text": text, **more}


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Ours; notifiers have log lines of their own."""
    records = [record for record in caplog.records if record.name == notify.__name__]
    return [r.getMessage() for r in records if r.levelno >= logging.ERROR]


def test_by_default_nobody_is_told(state: State, monkeypatch) -> None:
    """Without the setting neither the lake nor the news is looked at."""
    monkeypatch.setattr(report, "notice", None)
    tell(object(), RUN)
    assert state == {}


def test_news_is_rendered_for_each_who_is_named(told: Path, monkeypatch) -> None:
    """Texts have the headline, the news, what the run did, and the task's own context."""
    texts = ["{{ headline }}|{{ run_id }}", "v{{ run.version }} {{ news | e }}"]
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(told, text) for text in texts]))
    tell(object(), RUN)
    escaped = NEWS.text.replace("<", "&lt;").replace(">", "&gt;")
    assert told.read_text() == f"{NEWS.headline}|manual 1\nv7 {escaped}\n"


def test_without_news_nothing_is_sent(told: Path, monkeypatch) -> None:
    """A run that has none to tell leaves everybody alone."""
    monkeypatch.setattr(report, "notice", lambda *_: None)
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(told)]))
    tell(object(), RUN)
    assert not told.exists()


def test_a_retry_leaves_out_who_was_told(told: Path, monkeypatch) -> None:
    """Those who have the news do not get it again; those whom it did not reach do."""
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(told, "one"), entry(told, "two", raises="no")]))
    tell(object(), RUN)
    assert told.read_text() == "one\n"
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(told, "one"), entry(told, "two")]))
    tell(object(), RUN)
    assert told.read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("[{", "nothing was sent: it is no JSON"),
        ('{"notifier": "x"}', "nothing was sent: it is no JSON list"),
    ],
)
@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_a_setting_that_cannot_be_read(
    monkeypatch, caplog, variable: str, setting: str, said: str
) -> None:
    """It is one line that names the variable and the cure, and does not show the setting."""
    monkeypatch.setenv(variable, setting)
    send(variable)
    (line,) = [line for line in errors(caplog) if line.startswith(variable)]
    assert line.startswith(f"{variable}: {said}")
    assert "docs/news.md" in line
    assert setting not in line


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (7, "it is no object that names a `notifier`"),
        ({"to": "x"}, "it is no object that names a `notifier`"),
        ({"notifier": "no.such.Notifier"}, "there is no no.such.Notifier; install its provider"),
        ({"notifier": "pathlib.NoPath"}, "there is no pathlib.NoPath; install its provider"),
        ({"notifier": "Notifier"}, "there is no Notifier; install its provider"),
        ({"notifier": "pathlib.Path"}, "pathlib.Path is no Airflow notifier"),
        ({"notifier": "json.loads", "s": "[]"}, "json.loads is no Airflow notifier"),
        ({"notifier": FILE, "password": "hunter2"}, "missing 2 required keyword-only arguments"),
        (
            {"notifier": FILE, "path": "x", "text": "{{ nothing.like_it }}"},
            "UndefinedError: 'nothing' is undefined",
        ),
        (
            {"notifier": FILE, "path": "x", "text": "", "raises": "https://u?token=hunter2\nGone"},
            "ConnectionError: https://u/*** Gone",
        ),
        (
            {"notifier": FILE, "path": "x", "text": "", "raises": "no 'https://u:1/a/hunter2', no"},
            "ConnectionError: no 'https://u:1/***', no",
        ),
        (
            {"notifier": FILE, "path": "x", "text": "", "raises": "smtp://me:hunter2@mail:25 down"},
            "ConnectionError: smtp://***@mail:25 down",
        ),
        (
            {"notifier": FILE, "path": "x", "text": "", "raises": "with url: /a/hunter2 (by x)"},
            "ConnectionError: with url: /*** (by x)",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_a_notifier_that_fails_is_a_line(
    told: Path, monkeypatch, caplog, variable: str, wrong: Any, said: str
) -> None:
    """The line names variable and entry and shows no secret; who comes after is told."""
    monkeypatch.setenv(variable, json.dumps([wrong, entry(told)]))
    send(variable)
    (line,) = [line for line in errors(caplog) if line.startswith(variable)]
    assert line.startswith(f"{variable}, entry 1: not sent: ")
    assert said in line
    assert "hunter2" not in line
    assert "\n" not in line
    assert told.read_text().count("\n") == 1


def send(variable: str) -> None:
    if variable == NEWS_TO:
        tell(object(), RUN)
    else:
        alert(FAILED)


class Dag:
    """A DAG as the DAG processor hands it over."""

    dag_id = "vehicle_recalls"
    render_template_as_native_obj = False

    def get_template_env(self, **_: Any) -> Any:
        from jinja2 import Environment

        return Environment(autoescape=False)  # noqa: S701 - as Airflow's own


FAILED = {
    "dag": Dag(),
    "run_id": "scheduled 1",
    "reason": "task_failure",
    "ti": SimpleNamespace(task_id="publish", log_url="http://127.0.0.1/log"),
}


def test_a_failure_is_a_line_in_the_log(caplog) -> None:
    """Without a setting it says which DAG failed, and at which task."""
    alert(FAILED)
    assert errors(caplog) == ["vehicle_recalls failed at publish"]


def test_a_failure_is_sent(told: Path, monkeypatch) -> None:
    """The alert has run, reason and the task's log, and goes to those named for alerts only."""
    text = "{{ headline }} {{ dag.dag_id }} {{ run_id }}\n{{ alert }}"
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(told, text)]))
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(told, "news")]))
    alert(FAILED)
    lines = told.read_text().splitlines()
    assert lines[0] == "vehicle_recalls failed at publish vehicle_recalls scheduled 1"
    assert {"- run: scheduled 1", "- reason: task_failure", "- log: http://127.0.0.1/log"} <= set(
        lines
    )


@pytest.mark.parametrize(
    ("raised", "lines"),
    [
        (ValueError("no\n such"), ["- error: ValueError: no such"]),
        (OSError("https://u:hunter2@h/a"), ["- error: OSError: https://***@h/a"]),
        ("killed", ["- error: killed"]),
        (ValueError("x" * 9_999), ["- error: ValueError: " + "x" * 300]),
        (None, []),
    ],
)
def test_an_alert_says_what_was_raised(
    told: Path, monkeypatch, raised: object, lines: list[str]
) -> None:
    """Where Airflow hands it over, in one short line without secrets; else nothing."""
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(told, "{{ alert }}")]))
    alert({**FAILED, "exception": raised})
    assert [line for line in told.read_text().splitlines() if line.startswith("- error")] == lines


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://airflow.example.org/dags/x", True),
        ("http://127.0.0.1:8080/dags/x", True),
        ("http://127.0.0.1:0/dags/x", False),
        ("http://:8080/dags/x", False),
        ("http://host:port/dags/x", False),
        ("/dags/x", False),
        (None, False),
    ],
)
def test_a_link_to_the_log_leads_somewhere(
    told: Path, monkeypatch, url: str | None, shown: bool
) -> None:
    """Without a web server there is none, and the alert has no line for it."""
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(told, "{{ alert }}")]))
    alert({**FAILED, "ti": SimpleNamespace(task_id="publish", log_url=url)})
    links = [line for line in told.read_text().splitlines() if line.startswith("- log: ")]
    assert links == ([f"- log: {url}"] if shown else [])


@pytest.mark.parametrize(
    ("context", "headline"),
    [
        ({}, "a DAG failed"),
        ({"dag": SimpleNamespace(dag_id="d")}, "d failed"),  # as `airflow dags test` has it
        ({"dag": Dag(), "ti": None}, "vehicle_recalls failed"),
    ],
)
def test_an_alert_needs_little(
    told: Path, monkeypatch, context: dict[str, Any], headline: str
) -> None:
    """Airflow does not always know the task, or the DAG in full: what there is is sent."""
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(told)]))
    alert(context)
    assert told.read_text() == f"{headline}\n"


def test_an_alert_never_raises(caplog) -> None:
    """Whatever Airflow hands over, the failure itself is what people see."""
    alert(None)  # type: ignore[arg-type]
    (line,) = errors(caplog)
    assert line.startswith(f"{ALERTS_TO}: no alert was sent: ")


def examples(variable: str, notifier: str) -> list[dict[str, Any]]:
    """What docs/news.md shows for this variable with this notifier."""
    found = re.findall(rf"^{variable}='(.*)'$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    entries = [entry for text in found for entry in json.loads(text)]
    return [entry for entry in entries if entry["notifier"].endswith(f".{notifier}")]


@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_the_documented_mail_is_sent(monkeypatch, caplog, variable: str) -> None:
    """SmtpNotifier, set as docs/news.md shows, hands a mail server subject and text."""
    (shown,) = examples(variable, "SmtpNotifier")
    with mail_server() as (port, mails):
        extra = {"disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv(variable, json.dumps([shown]))
        send(variable)
    assert [line for line in errors(caplog) if line.startswith(variable)] == []
    (mail,) = mails
    (body,) = mail.get_payload()
    text = body.get_payload(decode=True).decode()
    if variable == NEWS_TO:
        assert mail["Subject"] == NEWS.headline
        assert "\n- Ford: &lt;b&gt;1&lt;/b&gt;\n" in text
    else:
        assert mail["Subject"] == "vehicle_recalls failed at publish"
        assert "\n- run: scheduled 1\n" in text
    assert mail["To"] == shown["to"][0]


@contextmanager
def mail_server() -> Iterator[tuple[int, list[Message]]]:
    """Takes every mail, and keeps it."""
    mails: list[Message] = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line.split()[0].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    mails.append(message_from_bytes(text))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")

    with running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)) as port:
        yield port, mails


@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_the_documented_topic_is_told(monkeypatch, caplog, variable: str) -> None:
    """SnsNotifier, set as docs/news.md shows, publishes subject and text to the topic."""
    (shown,) = examples(variable, "SnsNotifier")
    with topic_server() as (port, asked):
        connection = {
            "conn_type": "aws",
            "login": "test",
            "password": "test",
            "extra": {"endpoint_url": f"http://127.0.0.1:{port}"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        monkeypatch.setenv(variable, json.dumps([shown]))
        send(variable)
    assert [line for line in errors(caplog) if line.startswith(variable)] == []
    (question,) = asked
    assert question["TargetArn"] == [shown["target_arn"]]
    if variable == NEWS_TO:
        assert (question["Subject"], question["Message"]) == ([NEWS.headline], [json_of(NEWS.text)])
    else:
        assert question["Subject"] == ["vehicle_recalls failed at publish"]
        assert "- run: scheduled 1" in question["Message"][0]


def json_of(text: str) -> str:
    return json.dumps({"default": text})


@contextmanager
def topic_server() -> Iterator[tuple[int, list[dict[str, list[str]]]]]:
    """Says yes as Amazon SNS does, and keeps what it was asked."""
    asked: list[dict[str, list[str]]] = []

    class Topic(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(parse_qs(body))
            result = b"<PublishResult><MessageId>1</MessageId></PublishResult>"
            answer = b"<PublishResponse>%s</PublishResponse>" % result
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nothing on the screen."""

    with running(HTTPServer(("127.0.0.1", 0), Topic)) as port:
        yield port, asked


@contextmanager
def running(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_documented_notifier_of_your_own(tmp_path: Path, monkeypatch, capsys) -> None:
    """A module beside our own in plugins/notifying/ is found by the name that docs/news.md says."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    import plugins.notifying

    monkeypatch.setattr(plugins.notifying, "__path__", [*plugins.notifying.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "plugins.notifying.mine", raising=False)
    monkeypatch.setenv(NEWS_TO, json.dumps(examples(NEWS_TO, "Mine")))
    tell(object(), RUN)
    monkeypatch.delitem(sys.modules, "plugins.notifying.mine")
    assert NEWS.headline in capsys.readouterr().out
