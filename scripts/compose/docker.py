"""The ``docker`` command: whether there is an engine, and one Compose project on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

COMPOSE = (2, 20)  # the first that knows `depends_on: {…: {required: false}}`
INSTALL = "on Debian 13 or newer: apt-get install docker.io docker-cli docker-compose; elsewhere: https://docs.docker.com/engine/install"
# What the shell has set for Compose, Retouch or AWS must not lead the test to other services.
_FOREIGN = ("COMPOSE_", "RETOUCH_", "AWS_")


class MissingError(Exception):
    """There is no engine that can be used; the message says in one sentence what to do."""


class FailedError(Exception):
    """A command of Docker's failed; the message holds what it said."""


def environment() -> dict[str, str]:
    """This process's environment without what would change the project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def check() -> str:
    """Return the versions of engine and Compose; raises MissingError."""
    if not shutil.which("docker"):
        raise MissingError(f"there is no `docker` command; {INSTALL}")
    try:
        engine = docker("info", "--format", "{{.ServerVersion}}").strip()
    except FailedError as error:
        raise MissingError(
            f"the Docker engine does not answer ({error}); start it: `systemctl start docker`, or `dockerd` as root"
        ) from None
    try:
        compose = docker("compose", "version", "--short").strip()
    except FailedError:
        raise MissingError(f"`docker compose` is not installed; {INSTALL}") from None
    numbers = tuple(map(int, re.findall(r"\d+", compose)[:2]))
    if numbers < COMPOSE:
        raise MissingError(f"Docker Compose {compose} is too old: 2.20 or newer is needed; {INSTALL}")
    return f"engine {engine}, Compose {compose}"


def docker(*arguments: str | Path, shown: bool = False, cwd: Path | None = None, source: str | None = None) -> str:
    """Run a command of Docker's; return what it wrote to stdout, or ``shown``: let it through.

    ``source`` is its stdin. Raises FailedError with the last line of its errors.
    """
    ended = subprocess.run(
        ["docker", *arguments],
        cwd=cwd,
        env=environment(),
        text=True,
        input=source if source is not None else "",
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        check=False,
    )
    if ended.returncode:
        said = (ended.stderr or "").strip().splitlines() or [f"exit code {ended.returncode}"]
        raise FailedError(f"docker {arguments[0]}: {said[-1]}")
    return ended.stdout or ""


def has_image(name: str) -> bool:
    """Tell whether the engine has an image of this name."""
    try:
        docker("image", "inspect", name)
    except FailedError:
        return False
    return True


class Project:
    """The project of a docker-compose.yml in ``folder``."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def compose(self, *arguments: str | Path, shown: bool = False) -> str:
        """Run ``docker compose`` with these arguments; raises FailedError."""
        return docker(
            "compose", "--progress", "quiet", "--project-name", self.name, *arguments, shown=shown, cwd=self.folder
        )

    def cli(self, *arguments: str, work: Path, shown: bool = False) -> str:
        """Run a command of Retouch's in the service ``cli``, with the folder ``work`` as its own."""
        user = f"{os.getuid()}:{os.getgid()}"
        run = ("run", "--rm", "--no-TTY", "--user", user, "--volume", f"{work}:/work", "cli")
        return self.compose(*run, *arguments, shown=shown)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self.compose("ps", "--quiet", "--status", "running", service).split()
