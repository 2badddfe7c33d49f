"""`make lake`: one command with its output untouched, or a shell that outlives Ctrl-C.

moto is the local S3 but for one test: it starts faster.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.lake import CHANGES, COMMANDS, split
from local.processes import Misuse, clean_environment
from local.s3_engine import ROOT, S3
from local.state import State, state_file
from tests.local.checkout import finished, start

# Stands for the lake's commands: with `write` it writes; it says what it was given.
COMMAND = """
import os, sys
from include.lake.connect import connect
if "write" in sys.argv:
    connect().replace("vehicle_recalls/2019.parquet", b"1")
print(sys.argv[1:], os.environ.get("HEADWATERS_LOCAL_FOLDER"))
sys.exit(7)
"""
PROMPT = "at the prompt "
YEAR = "vehicle_recalls/2019.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A checkout whose commands are the stand-in, with the core of the project."""
    module = tmp_path.joinpath(*COMMANDS.split("."), "__main__.py")
    module.parent.mkdir(parents=True)
    module.write_text(COMMAND)
    for name in ("lake", "errors.py"):
        (tmp_path / "include" / name).symlink_to(ROOT / "include" / name)
    (tmp_path / ".env").write_text("S3_ENGINE=moto\n")
    yield tmp_path
    State.read(tmp_path).end_servers()


class Terminal:
    """A shell of the target in a terminal, typed into and read as a person would."""

    def __init__(self, root: Path) -> None:
        self.keyboard, there = os.openpty()
        (root / ".bashrc").write_text(f"PS1={PROMPT!r}\n")
        shell = {"SHELL": shutil.which("bash") or ""}
        self.process = start(root, "lake", env=shell, stdin=there, stdout=there, stderr=there)
        os.close(there)

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def read_until(self, what: str) -> str:
        seen = ""
        while what not in seen:
            seen += os.read(self.keyboard, 4096).decode()
        return seen


@pytest.fixture
def terminal(root: Path) -> Iterator[Terminal]:
    terminal = Terminal(root)
    yield terminal
    terminal.process.kill()
    terminal.process.wait()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", []),
        ('changes --manufacturer "Ford Motor"', ["changes", "--manufacturer", "Ford Motor"]),
        (r"""a 'b "c"' "d'e" f\ g""", ["a", 'b "c"', "d'e", "f g"]),
        ("a; b > c $HOME *", ["a;", "b", ">", "c", "$HOME", "*"]),
    ],
)
def test_quotes_hold_words_together_and_nothing_else_has_a_meaning(
    arguments: str, words: list[str]
):
    assert split(arguments) == words


def test_an_open_quote_is_refused():
    with pytest.raises(Misuse, match=r'No closing quotation.*: a "b'):
        split('a "b')


@pytest.mark.parametrize(
    ("flags", "folder", "engine"),
    [([], "s3_bucket", "localstack"), (["--live"], "s3_bucket_live", "moto")],
)
def test_a_command_that_writes_is_mirrored(root: Path, flags: list[str], folder: str, engine: str):
    """Its output and exit code are its own; the local S3 has ended."""
    (root / ".env").write_text(f"S3_ENGINE={engine}\n")
    ended = finished(root, "lake", *flags, "--arguments=write '1 May'")
    assert (ended.stdout, ended.returncode) == (f"['write', '1 May'] {folder}\n", 7)
    assert f"{S3} up" in ended.stderr
    assert "mirrored" in ended.stderr
    assert (root / folder / YEAR).read_bytes() == b"1"
    assert not state_file(root).exists()


def test_a_command_that_reads_is_not_mirrored(root: Path):
    (root / "s3_bucket" / YEAR).parent.mkdir(parents=True)
    (root / "s3_bucket" / YEAR).write_bytes(b"0")
    before = (root / "s3_bucket" / YEAR).stat()
    ended = finished(root, "lake", f"--arguments={CHANGES}")
    assert "mirrored" not in ended.stderr
    after = (root / "s3_bucket" / YEAR).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_lake_of_ones_own_starts_nothing(root: Path):
    root.joinpath(*COMMANDS.split("."), "__main__.py").write_text(
        "import os; print(os.environ['LAKE_BUCKET'], os.environ['AWS_REGION'])"
    )
    (root / ".env").write_text("LAKE_BUCKET=my-lake\nAWS_REGION=eu-central-1\n")
    ended = finished(root, "lake", "--arguments=verify")
    assert (ended.returncode, ended.stdout) == (0, "my-lake eu-central-1\n")
    assert not state_file(root).exists()


def test_the_command_that_people_are_sent_to_exists():
    """It gets as far as a lake that is not named, past all arguments."""
    command = [sys.executable, "-m", COMMANDS, *split(CHANGES)]
    ended = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert "LAKE_BUCKET is not set" in ended.stderr


def test_without_a_terminal_there_is_no_shell(root: Path):
    ended = finished(root, "lake")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: there is no terminal")
    assert len(ended.stderr.splitlines()) == 1


def test_ctrl_c_is_for_the_shell_and_its_end_mirrors(root: Path, terminal: Terminal):
    terminal.read_until(PROMPT)
    terminal.type("sh -c 'echo $((6 * 7))run; exec sleep 600'\n")
    terminal.read_until("42run")
    terminal.type("\x03")
    terminal.read_until(PROMPT)
    terminal.type(f"{sys.executable} -m {COMMANDS} write; echo $((6 * 7))done\n")
    assert "['write']" in terminal.read_until("42done")
    terminal.type("exit 3\n")
    terminal.read_until("mirrored to s3_bucket/")
    assert terminal.process.wait() == 0
    os.close(terminal.keyboard)
    assert (root / "s3_bucket" / YEAR).exists()
    assert not state_file(root).exists()


def test_a_closed_terminal_leaves_nothing_running_and_mirrors(root: Path, terminal: Terminal):
    terminal.read_until(PROMPT)
    terminal.type(f"{sys.executable} -m {COMMANDS} write\n")
    terminal.read_until("['write']")
    server = State.read(root).servers[S3]
    os.close(terminal.keyboard)
    terminal.process.wait()
    assert (root / "s3_bucket" / YEAR).exists()
    assert not server.alive()
