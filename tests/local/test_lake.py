"""`make lake` runs one command or a shell. Most tests use moto, which starts faster."""

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
from tests.local.checkout import run_local, start

# Replaces the lake's commands: prints its arguments, and writes if one is `write`.
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
    """A checkout with a stub of the lake's commands and the real `include/lake`."""
    module = tmp_path.joinpath(*COMMANDS.split("."), "__main__.py")
    module.parent.mkdir(parents=True)
    module.write_text(COMMAND)
    for name in ("lake", "errors.py"):
        (tmp_path / "include" / name).symlink_to(ROOT / "include" / name)
    (tmp_path / ".env").write_text("S3_ENGINE=moto\n")
    yield tmp_path
    State.read(tmp_path).end_servers()


class Terminal:
    """A `make lake` shell in a pseudo-terminal."""

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
def test_split_handles_quotes_and_no_other_shell_syntax(arguments: str, words: list[str]):
    assert split(arguments) == words


def test_split_refuses_an_open_quote():
    with pytest.raises(Misuse, match=r'No closing quotation.*: a "b'):
        split('a "b')


@pytest.mark.parametrize(
    ("flags", "folder", "engine"),
    [([], "s3_bucket", "localstack"), (["--live"], "s3_bucket_live", "moto")],
)
def test_writing_command_is_mirrored(root: Path, flags: list[str], folder: str, engine: str):
    (root / ".env").write_text(f"S3_ENGINE={engine}\n")
    result = run_local(root, "lake", *flags, "--arguments=write '1 May'")
    assert (result.stdout, result.returncode) == (f"['write', '1 May'] {folder}\n", 7)
    assert f"{S3} up" in result.stderr
    assert "mirrored" in result.stderr
    assert (root / folder / YEAR).read_bytes() == b"1"
    assert not state_file(root).exists()


def test_reading_command_is_not_mirrored(root: Path):
    (root / "s3_bucket" / YEAR).parent.mkdir(parents=True)
    (root / "s3_bucket" / YEAR).write_bytes(b"0")
    before = (root / "s3_bucket" / YEAR).stat()
    result = run_local(root, "lake", f"--arguments={CHANGES}")
    assert "mirrored" not in result.stderr
    after = (root / "s3_bucket" / YEAR).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_own_lake_starts_no_server(root: Path):
    root.joinpath(*COMMANDS.split("."), "__main__.py").write_text(
        "import os; print(os.environ['LAKE_BUCKET'], os.environ['AWS_REGION'])"
    )
    (root / ".env").write_text("LAKE_BUCKET=my-lake\nAWS_REGION=eu-central-1\n")
    result = run_local(root, "lake", "--arguments=verify")
    assert (result.returncode, result.stdout) == (0, "my-lake eu-central-1\n")
    assert not state_file(root).exists()


def test_suggested_command_is_valid():
    """It fails only because LAKE_BUCKET is not set."""
    command = [sys.executable, "-m", COMMANDS, *split(CHANGES)]
    result = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert "LAKE_BUCKET is not set" in result.stderr


def test_shell_without_terminal_is_refused(root: Path):
    result = run_local(root, "lake")
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no terminal")
    assert len(result.stderr.splitlines()) == 1


def test_shell_survives_ctrl_c_and_mirrors_on_exit(root: Path, terminal: Terminal):
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


def test_closed_terminal_mirrors_and_ends_the_servers(root: Path, terminal: Terminal):
    terminal.read_until(PROMPT)
    terminal.type(f"{sys.executable} -m {COMMANDS} write\n")
    terminal.read_until("['write']")
    server = State.read(root).servers[S3]
    os.close(terminal.keyboard)
    terminal.process.wait()
    assert (root / "s3_bucket" / YEAR).exists()
    assert not server.alive()
