"""A page as the shell script that a reader makes of it, command after command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tests.harness.pages import Block, blocks

# What examples import and this project does not install: such an example is run where the module is there.
GUESTS = ("airflow", "dagster", "pandas", "polars", "prefect")

# The script is run by `bash -eu`, in its first line, which in a page is the title.
PRELUDE = r"""
PS4='+ $PAGE:$LINENO: '
trap 'echo "$PAGE:$LINENO: exit code $?" >&2; { set +x; } 2>/dev/null' ERR
# At the end, whatever is still in this group of processes ends by SIGTERM.
trap '{ set +x; trap "" TERM; kill 0; wait || true; } 2>/dev/null' EXIT
# Start a command that does not end by itself, and wait until it writes a line with a word.
background() {
    local log=.page/background-${BASH_LINENO[0]}.log
    : >"$log"
    eval "$2" >>"$log" 2>&1 &
    grep -q -m1 -e "$1" <(exec tail -n +1 -f --pid=$! "$log") || { cat "$log"; return 1; }
}
# Run a command, and look for lines in what it writes.
said() {
    eval "$1" >.page/said 2>&1 || { set -- "$?"; cat .page/said; return "$1"; }
    cat .page/said
    shift
    for line; do grep -q -x -e "$line" .page/said || { echo "not said: $line"; return 1; }; done
}
set -o pipefail
set -x
"""


class PageScript:
    """What is run of a page.

    ``left_out``: patterns of the beginnings of commands that are not run. ``endless``: the same of commands that run
    until they are stopped, with a word that they write when they are ready. ``names``: patterns of what examples
    name, with what it is here.

    ``text`` has as many lines as the page, each command on its own, so that what fails is named by its line.
    """

    def __init__(
        self,
        page: str,
        *,
        left_out: Mapping[str, str] | None = None,
        endless: Mapping[str, str] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        for pattern, here in (names or {}).items():
            page = re.sub(pattern, here.replace("\\", r"\\"), page)
        self._left_out, self._endless = left_out or {}, endless or {}
        self._files = {"prelude": PRELUDE}
        lines = [""] * (page.count("\n") + 2)
        for block in blocks(page):
            for number, line in enumerate(self._shell(block).split("\n")):
                lines[block.line - 1 + number] = line
        self.empty = not any(lines)
        lines[0] = ". .page/prelude"
        self.text = "\n".join(lines)

    def write(self, folder: Path) -> Path:
        """Write the script, and what it needs, into a folder where it is to be run; returns its path there."""
        own = folder / ".page"
        own.mkdir(exist_ok=True)
        for name, text in {**self._files, "script": self.text}.items():
            (own / name).write_text(text)
        return Path(".page/script")

    def _shell(self, block: Block) -> str:
        runs = block.language == "python" and not absent(block.text)
        if block.file:
            name = shlex.quote(block.file)
            saving = f"mkdir -p $(dirname {name}); cp {self._keep(block)} {name}"
            # As a module, so that a program which goes on and on does not begin: the page's commands start it.
            return f"{saving}; python -c 'import runpy, sys; runpy.run_path(sys.argv[1])' {name}" if runs else saving
        if runs:
            return f"python {self._keep(block)}"
        if block.language == "console":
            return self._session(block.commands)
        return "\n".join(map(self._command, block.commands)) if block.language == "sh" else ""

    def _keep(self, block: Block) -> str:
        """Keep a block for a file, with the line numbers of the page if it is Python."""
        name = f"{block.line}"
        self._files[name] = ("\n" * (block.line - 1) if block.language == "python" else "") + block.text
        return f".page/{name}"

    def _command(self, command: str) -> str:
        if any(re.match(pattern, command) for pattern in self._left_out):
            return "\n" * command.count("\n")
        for pattern, word in self._endless.items():
            if re.match(pattern, command):
                return f"background {shlex.quote(word)} {shlex.quote(command)}"
        if not (named := re.search(r"\s+#.*\bexits ([1-9]\d*)\b.*$", command)):
            return command
        return f"code=0; {command[: named.start()]} || code=$?; test $code = {named[1]}"

    def _session(self, lines: list[str]) -> str:
        """The commands of a session, each with the lines that are shown below it."""
        shell: list[str] = []
        for line in lines:
            if line.startswith("$ "):
                last = len(shell)
                shell.append(f"said {shlex.quote(self._command(line[2:]))}")
                continue
            shell.append("")
            if line:
                shell[last] += f" {shlex.quote(_pattern(line))}"
        return "\n".join(shell)


def _pattern(line: str) -> str:
    """A line as a pattern of grep, in which ``…`` stands for anything."""
    return ".*".join(re.sub(r"([][\\.*^$])", r"\\\1", part) for part in line.split("…"))


def absent(example: str) -> list[str]:
    """The guests that an example imports and that are not installed."""
    return [
        name
        for name in GUESTS
        if re.search(rf"^\s*(import|from) {name}\b", example, re.MULTILINE) and not find_spec(name)
    ]
