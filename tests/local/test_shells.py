"""The user's shell starts with the user's settings, and finds this project's Python first."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.processes import clean_environment
from local.shells import own_shell

EXPORT = 'export PATH="{theirs}:$PATH" SETTINGS=read'
START_UP = {
    "bash": (".bashrc", EXPORT),
    "zsh": (".zshrc", EXPORT),
    "fish": (".config/fish/config.fish", "set -gx PATH {theirs} $PATH; set -gx SETTINGS read"),
}


@pytest.mark.parametrize("name", [name for name in START_UP if shutil.which(name)])
def test_a_start_up_file_does_not_hide_the_project(tmp_path: Path, name: str):
    """The user's file is read, and what it puts in front comes second."""
    theirs, ours = tmp_path / "theirs", tmp_path / "it's ours"
    for folder in (theirs, ours):
        folder.mkdir()
        (folder / "python").write_text("#!/bin/sh\n")
        (folder / "python").chmod(0o755)
    home = tmp_path / "home"
    file, line = START_UP[name]
    (home / file).parent.mkdir(parents=True)
    (home / file).write_text(line.format(theirs=theirs))

    environment = clean_environment() | {"HOME": str(home), "SHELL": shutil.which(name) or ""}
    shell = own_shell(environment, ours, tmp_path / "shell")
    told = subprocess.run(
        [*shell.command, "-i", "-c", "command -v python; echo $SETTINGS"],
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told == [str(ours / "python"), "read"]


def test_another_shell_starts_as_it_is(tmp_path: Path):
    """A shell of which nothing is known is started with the environment alone."""
    shell = own_shell({"SHELL": "/opt/nu", "A": "1"}, tmp_path, tmp_path / "shell")
    assert shell == (["/opt/nu"], {"SHELL": "/opt/nu", "A": "1"})
