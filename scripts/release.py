"""Check, build and try a release of the version in pyproject.toml.

What is built is the commit, not the working folder: files that git does not know cannot get into a release.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from retouch.ledger import keys

ROOT = Path(__file__).resolve().parents[1]
CLOSED = re.compile(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)")
# The argument is kept, because setuptools changes sys.argv.
BUILD = "import sys; to = sys.argv[1]; from setuptools import build_meta as b; b.build_sdist(to); b.build_wheel(to)"
IMPORT = "import retouch; retouch.EditQueue"
PIP = ("-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-compile")


class ReleaseError(Exception):
    """The release cannot be made; the message says why in one sentence."""


def run(*command: str | Path, cwd: Path = ROOT) -> bytes:
    """Run a command without the person's PYTHON* variables; raises ReleaseError with the last line that it wrote."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, check=True).stdout
    except OSError as error:
        raise ReleaseError(f"{command[0]} cannot be run: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).decode(errors="replace").strip().splitlines() or ["nothing was written"]
        raise ReleaseError(f"{Path(command[0]).name} failed with exit code {error.returncode}: {said[-1]}") from None


def check_git(version: str, root: Path = ROOT) -> list[str]:
    """Return what is wrong with the working tree and the tags."""
    wrong = []
    if run("git", "status", "--porcelain", cwd=root):
        wrong.append("the working tree has changes that are not committed: commit them or put them away")
    if run("git", "tag", "--list", f"v{version}", cwd=root):
        wrong.append(f"the tag v{version} exists already: raise the version in pyproject.toml")
    return wrong


def check_changelog(text: str, version: str, today: date) -> list[str]:
    """Return what is wrong with the changelog: ``version`` is its newest section, and Unreleased is empty."""
    parts = re.split(r"^## +(.*?) *$", text, flags=re.MULTILINE)[1:]
    sections = list(zip(parts[::2], (body.strip() for body in parts[1::2]), strict=True))
    wrong = []
    for title, body in sections:
        match = CLOSED.fullmatch(title)
        if match and match[1] == version:
            wrong += check_section(version, match[2], body, today)
        elif title == "Unreleased" and body:
            wrong.append("CHANGELOG.md has entries under Unreleased: move them to the section of the release")
        elif title != "Unreleased" and not match:
            wrong.append(f"CHANGELOG.md has the section '{title}': write 'Unreleased' or 'X.Y.Z (YYYY-MM-DD)'")
    closed = [match[1] for title, _ in sections if (match := CLOSED.fullmatch(title))]
    return wrong + check_order(closed, version)


def check_order(closed: Sequence[str], version: str) -> list[str]:
    """Return what is wrong with the order of the changelog's closed sections."""
    if version not in closed:
        return [f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)'"]
    if closed.count(version) > 1:
        return [f"CHANGELOG.md has more than one section for {version}"]
    if closed[0] != version or max(closed, key=ordered) != version:
        return [f"CHANGELOG.md: {version} is not its first and highest release"]
    return []


def check_section(version: str, day: str, body: str, today: date) -> list[str]:
    """Return what is wrong with the section of the release."""
    wrong = [] if body else [f"CHANGELOG.md says nothing about {version}"]
    try:
        late = date.fromisoformat(day) > today
    except ValueError:
        return [*wrong, f"CHANGELOG.md: the date of {version}, {day}, does not exist"]
    return [*wrong, f"CHANGELOG.md: the date of {version}, {day}, is in the future"] if late else wrong


def ordered(version: str) -> tuple[int, ...]:
    """Return a key by which versions sort."""
    return tuple(map(int, version.split(".")))


def check_upgrading(text: str, version: str, schema: int) -> list[str]:
    """Return what is wrong with the table of ledger schemas: a row must hold both the version and the schema."""
    rows = [re.findall(r"\d+(?:\.\d+)*", line) for line in text.splitlines() if line.startswith("|")]
    of_version = [row for row in rows if version in row]
    if not of_version:
        return [f"docs/upgrading.md: the table of ledger schemas has no row for {version}"]
    if not any(str(schema) in row for row in of_version):
        return [f"docs/upgrading.md: the row of {version} does not name schema {schema}, which retouch.ledger.keys has"]
    return []


def check_wheel(held: Sequence[str], tracked: Sequence[str]) -> list[str]:
    """Return what is wrong with the wheel: besides its metadata it holds the files of retouch/, all and alone."""
    held_files = {name for name in held if not name.split("/")[0].endswith(".dist-info")}
    wrong = [f"the wheel lacks {name}" for name in sorted(set(tracked) - held_files)]
    return wrong + [f"the wheel holds {name}, which is not in retouch/" for name in sorted(held_files - set(tracked))]


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive that git has made."""
    archive.extraction_filter = getattr(tarfile, "data_filter", None)  # the first releases of Python 3.11 have none
    archive.extractall(folder)  # noqa: S202 - it is our own


def build(work: Path, root: Path = ROOT) -> tuple[Path, Path]:
    """Build sdist and wheel of the commit below ``work``, with the installed setuptools and without a network."""
    source, built = work / "source", work / "built"
    with tarfile.open(fileobj=io.BytesIO(run("git", "archive", "HEAD", cwd=root))) as archive:
        extract(archive, source)
    built.mkdir()
    run(sys.executable, "-I", "-c", BUILD, built, cwd=source)
    [sdist], [wheel] = built.glob("*.tar.gz"), built.glob("*.whl")
    return sdist, wheel


def try_out(package: Path, version: str, work: Path) -> None:
    """Install a package into an empty environment and use it there; raises ReleaseError if that fails.

    What it depends on is resolved from its own metadata, at the pinned versions and hashes. The sdist is built with
    the pinned setuptools.
    """
    venv, wanted, tools = work / "venv", work / "wanted.txt", work / "tools.txt"
    pins = ROOT / "scripts/constraints.txt"
    work.mkdir()
    tools.write_text(pins.read_text().partition("# [run]\n")[0])
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    wanted.write_text(f"retouch @ {package.as_uri()} --hash=sha256:{digest}\n")
    python = venv / "bin/python"
    run(sys.executable, "-I", "-m", "venv", venv)
    checked = (python, *PIP, "--require-hashes", "--only-binary", ":all:")
    run(*checked, "--no-deps", "-r", tools)
    run(*checked, "--no-binary", "retouch", "--no-build-isolation", "-c", pins, "-r", wanted)
    said = run(venv / "bin/retouch", "--version", cwd=work).decode().strip()
    if said != f"retouch {version}":
        raise ReleaseError(f"{package.name}: 'retouch --version' prints '{said}' instead of 'retouch {version}'")
    run(python, "-I", "-c", IMPORT, cwd=work)


def read(name: str) -> str:
    """Return the text of a file, or nothing if it is not there."""
    path = ROOT / name
    return path.read_text() if path.is_file() else ""


def release(version: str) -> list[str]:
    """Check, build and try the release, and leave it in dist/; returns what is wrong, or raises ReleaseError."""
    wrong = check_git(version)
    wrong += check_changelog(read("CHANGELOG.md"), version, date.today())  # noqa: DTZ011 - the person's own calendar
    wrong += check_upgrading(read("docs/upgrading.md"), version, keys.SCHEMA)
    if wrong:
        return wrong
    with tempfile.TemporaryDirectory() as folder:
        packages = build(Path(folder))
        tracked = run("git", "ls-files", "retouch").decode().splitlines()
        if wrong := check_wheel(zipfile.ZipFile(packages[1]).namelist(), tracked):
            return wrong
        for package in packages:
            print(f"release: {package.name}: installing it into an empty environment", flush=True)
            try_out(package, version, Path(folder) / package.suffix)
        (ROOT / "dist").mkdir(exist_ok=True)
        for package in packages:
            shutil.copy(package, ROOT / "dist")
    return []


def main() -> int:
    """Make the release and print what is left to do; returns the exit code."""
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    try:
        wrong = release(version)
    except ReleaseError as error:
        wrong = [str(error)]
    for sentence in wrong:
        print(f"release: {sentence}", file=sys.stderr)
    if wrong:
        return 1
    print(f"release: dist/ holds {version}. Either file can be installed, with the extras that are needed:")
    print(f"pip install 'dist/retouch-{version}-py3-none-any.whl[worker]'")
    print("release: to publish it, put dist/ where your people get their packages from, and name the commit:")
    print(f"git tag -a v{version} -m 'Retouch {version}' && git push origin v{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
