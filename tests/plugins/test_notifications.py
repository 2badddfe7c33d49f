"""News and alerts reach the configured notifiers; a failing notifier never fails a run."""

import json
import logging
import re
import socket
import sys
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

import plugins
from plugins import notifications
from plugins.notifications import ALERTS_TO, NEWS_TO, send_alert, send_news
from tests.http.raw_server import Api, RawServer, message

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "news.md"
FILE = "tests.plugins.file_notifier.FileNotifier"
RUN = {"version": 7}
pytestmark = pytest.mark.usefixtures("state")
HEADLINE = "Vehicle recalls: 1 new & loud"
NEWS = "# Vehicle recalls\n\n- Ford: <b>1</b>\n"


class State(dict[str, Any]):
    """Airflow's task state, which persists across tries."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.fixture
def state(monkeypatch) -> State:
    """The state of the running task."""
    kept = State()
    context = {"run_id": "manual 1", "task_state_store": kept}
    monkeypatch.setattr(notifications, "get_current_context", lambda: context)
    monkeypatch.delenv(NEWS_TO, raising=False)
    monkeypatch.delenv(ALERTS_TO, raising=False)
    return kept


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return tmp_path / "sent.txt"


def entry(sent: Path, text: str = "{{ headline }}", **more: str) -> dict[str, str]:
    return {"notifier": FILE, "path": str(sent), "text": text, **more}


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Excludes the log lines of notifiers."""
    records = [record for record in caplog.records if record.name == notifications.__name__]
    return [r.getMessage() for r in records if r.levelno >= logging.ERROR]


def test_send_news_without_setting_sends_nothing(state: State, caplog) -> None:
    send_news(HEADLINE, NEWS, RUN)
    assert (state, errors(caplog)) == ({}, [])


def test_send_news_renders_headline_news_run_and_context(sent: Path, monkeypatch) -> None:
    texts = ["{{ headline }}|{{ run_id }}", "v{{ run.version }} {{ news | e }}"]
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(sent, text) for text in texts]))
    send_news(HEADLINE, NEWS, RUN)
    escaped = NEWS.replace("<", "&lt;").replace(">", "&gt;")
    assert sent.read_text() == f"{HEADLINE}|manual 1\nv7 {escaped}\n"


def test_send_news_retry_skips_notifiers_that_succeeded(sent: Path, monkeypatch) -> None:
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(sent, "one"), entry(sent, "two", raises="no")]))
    send_news(HEADLINE, NEWS, RUN)
    assert sent.read_text() == "one\n"
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(sent, "one"), entry(sent, "two")]))
    send_news(HEADLINE, NEWS, RUN)
    assert sent.read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("[{", "nothing was sent: it is not JSON"),
        ('{"notifier": "x"}', "nothing was sent: it is not a JSON list"),
    ],
)
@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_setting_that_is_not_a_json_list_logs_one_line(
    monkeypatch, caplog, variable: str, setting: str, reason: str
) -> None:
    monkeypatch.setenv(variable, setting)
    send(variable)
    (line,) = [line for line in errors(caplog) if line.startswith(variable)]
    assert line.startswith(f"{variable}: {reason}")
    assert "docs/news.md" in line
    assert setting not in line


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (7, "it is not an object that names a `notifier`"),
        ({"to": "x"}, "it is not an object that names a `notifier`"),
        ({"notifier": "no.such.Notifier"}, "no.such.Notifier does not exist; install its provider"),
        ({"notifier": "pathlib.NoPath"}, "pathlib.NoPath does not exist; install its provider"),
        ({"notifier": "Notifier"}, "Notifier does not exist; install its provider"),
        ({"notifier": "pathlib.Path"}, "pathlib.Path is not an Airflow notifier"),
        ({"notifier": "json.loads", "s": "[]"}, "json.loads is not an Airflow notifier"),
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
def test_failing_notifier_logs_one_line_and_the_next_is_called(
    sent: Path, monkeypatch, caplog, variable: str, wrong: Any, reason: str
) -> None:
    monkeypatch.setenv(variable, json.dumps([wrong, entry(sent)]))
    send(variable)
    (line,) = [line for line in errors(caplog) if line.startswith(variable)]
    assert line.startswith(f"{variable}, entry 1: not sent: ")
    assert reason in line
    assert "hunter2" not in line
    assert "\n" not in line
    assert sent.read_text().count("\n") == 1


def send(variable: str) -> None:
    if variable == NEWS_TO:
        send_news(HEADLINE, NEWS, RUN)
    else:
        send_alert(FAILED)


class Dag:
    """The DAG object that the DAG processor passes."""

    dag_id = "vehicle_recalls"
    render_template_as_native_obj = False

    def get_template_env(self, **_: Any) -> Any:
        from jinja2 import Environment

        return Environment(autoescape=False)  # noqa: S701 - as in Airflow


FAILED = {
    "dag": Dag(),
    "run_id": "scheduled 1",
    "reason": "task_failure",
    "ti": SimpleNamespace(task_id="publish", log_url="http://127.0.0.1/log"),
}


def test_send_alert_without_setting_only_logs(caplog) -> None:
    send_alert(FAILED)
    assert errors(caplog) == ["vehicle_recalls failed at publish"]


def test_send_alert_calls_the_alert_notifiers(sent: Path, monkeypatch) -> None:
    text = "{{ headline }} {{ dag.dag_id }} {{ run_id }}\n{{ alert }}"
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(sent, text)]))
    monkeypatch.setenv(NEWS_TO, json.dumps([entry(sent, "news")]))
    send_alert(FAILED)
    lines = sent.read_text().splitlines()
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
def test_send_alert_shows_the_error_in_one_line(
    sent: Path, monkeypatch, raised: object, lines: list[str]
) -> None:
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(sent, "{{ alert }}")]))
    send_alert({**FAILED, "exception": raised})
    assert [line for line in sent.read_text().splitlines() if line.startswith("- error")] == lines


@pytest.mark.parametrize(
    ("context", "headline"),
    [
        ({}, "a DAG failed"),
        ({"dag": SimpleNamespace(dag_id="d")}, "d failed"),  # from `airflow dags test`
        ({"dag": Dag(), "ti": None}, "vehicle_recalls failed"),
    ],
)
def test_send_alert_with_partial_context_sends_a_headline(
    sent: Path, monkeypatch, context: dict[str, Any], headline: str
) -> None:
    monkeypatch.setenv(ALERTS_TO, json.dumps([entry(sent)]))
    send_alert(context)
    assert sent.read_text() == f"{headline}\n"


def test_send_alert_never_raises(caplog) -> None:
    send_alert(None)  # type: ignore[arg-type]
    (line,) = errors(caplog)
    assert line.startswith(f"{ALERTS_TO}: no alert was sent: ")


def examples(variable: str, notifier: str) -> list[dict[str, Any]]:
    """Return the entries in docs/news.md for this variable and notifier."""
    found = re.findall(rf"^{variable}='(.*)'$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    entries = [entry for text in found for entry in json.loads(text)]
    return [entry for entry in entries if entry["notifier"].endswith(f".{notifier}")]


@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_documented_mail_is_sent(monkeypatch, caplog, variable: str) -> None:
    (shown,) = examples(variable, "SmtpNotifier")
    mails: list[Message] = []
    with mail_server(mails) as server:
        host, port = server.host.split(":")
        extra = {"disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": host, "port": int(port), "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv(variable, json.dumps([shown]))
        send(variable)
    assert [line for line in errors(caplog) if line.startswith(variable)] == []
    (mail,) = mails
    (body,) = mail.get_payload()
    text = body.get_payload(decode=True).decode()
    if variable == NEWS_TO:
        assert mail["Subject"] == HEADLINE
        assert "\n- Ford: &lt;b&gt;1&lt;/b&gt;\n" in text
    else:
        assert mail["Subject"] == "vehicle_recalls failed at publish"
        assert "\n- run: scheduled 1\n" in text
    assert mail["To"] == shown["to"][0]


def mail_server(mails: list[Message]) -> RawServer:
    """An SMTP server that appends every message to `mails`."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        stream = connection.makefile("rb")
        while line := stream.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                connection.sendall(b"354 go on\r\n")
                mails.append(message_from_bytes(b"".join(iter(stream.readline, b".\r\n"))))
            connection.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")

    return RawServer(handle)


@pytest.mark.parametrize("variable", [NEWS_TO, ALERTS_TO])
def test_documented_topic_receives_the_message(monkeypatch, caplog, variable: str) -> None:
    (shown,) = examples(variable, "SnsNotifier")
    result = b"<PublishResult><MessageId>1</MessageId></PublishResult>"
    with Api(message(b"<PublishResponse>%b</PublishResponse>" % result)) as topic:
        keys = {"login": "test", "password": "test"}
        connection = {"conn_type": "aws", **keys, "extra": {"endpoint_url": topic.url}}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        monkeypatch.setenv(variable, json.dumps([shown]))
        send(variable)
    assert [line for line in errors(caplog) if line.startswith(variable)] == []
    ((_, _, body),) = topic.requests
    question = parse_qs(body.decode())
    assert question["TargetArn"] == [shown["target_arn"]]
    if variable == NEWS_TO:
        assert question["Subject"] == [HEADLINE]
        assert json.loads(question["Message"][0]) == {"default": NEWS}
    else:
        assert question["Subject"] == ["vehicle_recalls failed at publish"]
        assert "- run: scheduled 1" in question["Message"][0]


def test_documented_custom_notifier_is_called(tmp_path: Path, monkeypatch, capsys) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    monkeypatch.setenv(NEWS_TO, json.dumps(examples(NEWS_TO, "Mine")))
    send_news(HEADLINE, NEWS, RUN)
    monkeypatch.delitem(sys.modules, "plugins.mine")
    assert HEADLINE in capsys.readouterr().out
