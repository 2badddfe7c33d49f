"""The user's own shell, with all that it is used to, and this project's Python before others.

The path alone is not enough: a shell's start-up file often puts other Pythons before what it was
given (pyenv's line does). So the folder is put in front once more, after that file.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

BASHRC = """\
[ -f ~/.bashrc ] && . ~/.bashrc
export PATH={first}:"$PATH"
"""
# zsh reads both files in ZDOTDIR, which is the user's again as soon as ours are read.
ZSHENV = """\
ZDOTDIR={theirs}
[ -f "$ZDOTDIR/.zshenv" ] && . "$ZDOTDIR/.zshenv"
theirs=$ZDOTDIR
ZDOTDIR={ours}
"""
ZSHRC = """\
ZDOTDIR=$theirs
unset theirs
[ -f "$ZDOTDIR/.zshrc" ] && . "$ZDOTDIR/.zshrc"
export PATH={first}:"$PATH"
"""


class Shell(NamedTuple):
    command: list[str]
    environment: dict[str, str]


def own_shell(environment: Mapping[str, str], first: Path, folder: Path) -> Shell:
    """How to start the shell that $SHELL names; what it has to read is written to the folder."""
    shell = environment.get("SHELL") or "/bin/sh"
    quoted = shlex.quote(str(first))
    folder.mkdir(parents=True, exist_ok=True)
    match Path(shell).name:
        case "bash":
            (folder / "bashrc").write_text(BASHRC.format(first=quoted))
            return Shell([shell, "--rcfile", str(folder / "bashrc")], dict(environment))
        case "zsh":
            theirs = environment.get("ZDOTDIR") or environment.get("HOME", "/")
            zshenv = ZSHENV.format(theirs=shlex.quote(theirs), ours=shlex.quote(str(folder)))
            (folder / ".zshenv").write_text(zshenv)
            (folder / ".zshrc").write_text(ZSHRC.format(first=quoted))
            return Shell([shell], dict(environment) | {"ZDOTDIR": str(folder)})
        case "fish":
            command = [shell, "--init-command", f"set -gx PATH {quoted} $PATH"]
            return Shell(command, dict(environment))
        case _:
            return Shell([shell], dict(environment))
