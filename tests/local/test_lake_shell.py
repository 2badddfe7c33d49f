"""`make lake`: one command with its output untouched, or a shell that outlives Ctrl-C."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.lake_shell import shell_environment, split
from local.localstack import ROOT
from local.processes import Misuse, clean_environment
from local.state import State, stack_state

# Stands for the lake's commands: writes to the lake that it finds, and says what it was given.
COMMAND = """
import os, sys
import boto3
s3 = boto3.client("s3", endpoint_url=os.environ["LAKE_ENDPOINT_URL"])
s3.put_object(Bucket=os.environ["LAKE_BUCKET"], Key="vehicle_recalls/2019.parquet", Body=b"1")
print(sys.argv[1:])
sys.exit(7)
"""
PROMPT = "at the prompt "
# The target in a checkout of its own; a terminal on 0 becomes the one that Ctrl-C comes from.
TARGET = f"""
import fcntl, os, sys, termios
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import local.__main__ as main
main.ROOT = Path.cwd()
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.exit(main.main())
"""


@pytest.fixture
def root(tmp_path: Path):
    module = tmp_path / "include" / "vehicle_recalls" / "__main__.py"
    module.parent.mkdir(parents=True)
    module.write_text(COMMAND)
    yield tmp_path
    State.read(stack_state(tmp_path)).end_servers()


class Terminal:
    """A shell of the target in a terminal, typed into and read as a person would."""

    def __init__(self, root: Path) -> None:
        self.keyboard, there = os.openpty()
        (root / ".bashrc").write_text(f"PS1={PROMPT!r}\n")
        self.process = subprocess.Popen(
            [sys.executable, "-c", TARGET, "lake"],
            cwd=root,
            env=clean_environment() | {"HOME": str(root), "SHELL": shutil.which("bash") or ""},
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def read_until(self, what: str) -> str:
        seen = ""
        while what not in seen:
            seen += os.read(self.keyboard, 4096).decode()
        return seen


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", []),
        ('changes --manufacturer "Ford Motor"', ["changes", "--manufacturer", "Ford Motor"]),
        (r"""a 'b "c"' "d'e" f\ g""", ["a", 'b "c"', "d'e", "f g"]),
        ("a; b > c $HOME *", ["a;", "b", ">", "c", "$HOME", "*"]),
    ],
)
def test_words_of_a_command(arguments: str, words: list[str]):
    """Quotes hold words together, and nothing else has a meaning."""
    assert split(arguments) == words


def test_an_open_quote_is_told():
    """Words that never end are a mistake of the caller's."""
    with pytest.raises(Misuse, match=r'No closing quotation.*: a "b'):
        split('a "b')


def test_the_environment_of_the_shell(tmp_path: Path):
    """The project's Python and modules come first, and make's own words are left out."""
    settings = {"PATH": "/bin", "MAKEFLAGS": "s", "ARGS": "x", "LIVE": "1", "LAKE_BUCKET": "b"}
    assert shell_environment(tmp_path, settings) == {
        "PATH": f"{tmp_path}/.venv/bin:/bin",
        "PYTHONPATH": str(tmp_path),
        "LAKE_BUCKET": "b",
    }


@pytest.mark.parametrize(("flags", "folder"), [([], "s3_bucket"), (["--live"], "s3_bucket_live")])
def test_one_command(root: Path, flags: list[str], folder: str):
    """Its output and exit code are passed on; what it wrote is mirrored; LocalStack has ended."""
    told = subprocess.run(
        [sys.executable, "-c", TARGET, "lake", *flags, "--arguments=as-of '1 May' --out x"],
        cwd=root,
        env=clean_environment() | {"HOME": str(root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "['as-of', '1 May', '--out', 'x']\n"
    assert told.returncode == 7
    assert "LocalStack up" in told.stderr
    assert (root / folder / "vehicle_recalls" / "2019.parquet").read_bytes() == b"1"
    assert not stack_state(root).exists()


def test_a_lake_of_ones_own(root: Path):
    """A lake that the settings name is used as it is: nothing is started for it."""
    (root / "include" / "vehicle_recalls" / "__main__.py").write_text(
        "import os; print(os.environ['LAKE_BUCKET'], os.environ['AWS_REGION'])"
    )
    (root / ".env").write_text("LAKE_BUCKET=my-lake\nAWS_REGION=eu-central-1\n")
    told = subprocess.run(
        [sys.executable, "-c", TARGET, "lake", "--arguments=verify"],
        cwd=root,
        env=clean_environment() | {"HOME": str(root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "my-lake eu-central-1\n")
    assert not stack_state(root).exists()


def test_without_a_terminal_there_is_no_shell(root: Path):
    """Nobody to type, and no command: one line, and code 2."""
    told = subprocess.run(
        [sys.executable, "-c", TARGET, "lake"],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stderr.startswith("error: there is no terminal")
    assert len(told.stderr.splitlines()) == 1


def test_ctrl_c_is_the_shells(root: Path):
    """Ctrl-C ends what runs in the shell; the lake is still there, until the shell ends."""
    terminal = Terminal(root)
    terminal.read_until(PROMPT)
    terminal.type("echo $((6 * 7))run; sleep 600\n")
    terminal.read_until("42run")
    terminal.type("\x03")
    terminal.read_until(PROMPT)
    terminal.type("python -m include.vehicle_recalls after; echo $((6 * 7))done\n")
    assert "['after']" in terminal.read_until("42done")

    terminal.type("exit 3\n")
    terminal.read_until("mirrored to s3_bucket/")
    assert terminal.process.wait() == 0
    os.close(terminal.keyboard)
    assert (root / "s3_bucket" / "vehicle_recalls" / "2019.parquet").exists()
    assert not stack_state(root).exists()


def test_a_closed_terminal_leaves_nothing_running(root: Path):
    """When the window is closed the bucket is mirrored and LocalStack ended, unseen by anyone."""
    terminal = Terminal(root)
    terminal.read_until(PROMPT)
    terminal.type("python -m include.vehicle_recalls\n")
    terminal.read_until("[]")
    server = State.read(stack_state(root)).servers["LocalStack"]
    os.close(terminal.keyboard)
    terminal.process.wait()
    assert (root / "s3_bucket" / "vehicle_recalls" / "2019.parquet").exists()
    assert not server.alive()
