"""The checks of a release: each tells a release that is not complete in one sentence."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest

from retouch.ledger import keys
from scripts import release
from scripts.release import ReleaseError
from tests.harness.processes import run

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 25)
GOOD = "# Changelog\n\n## Unreleased\n\n## 1.10.0 (2026-11-25)\n\n* New.\n\n## 1.9.0 (2026-01-01)\n\n* Old.\n"
TABLE = "| release | schema |\n| --- | --- |\n| 1.9.0 | 1 |\n| `1.10.0` | 2 |\n"


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.com", *arguments]
    assert run([*command[:1], "-C", folder, *command[1:]]).code == 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    return tmp_path


def test_a_complete_changelog_passes() -> None:
    """The newest section is the release's, and nothing is open."""
    assert release.check_changelog(GOOD, "1.10.0", TODAY) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("## Unreleased\n", "## Unreleased\n\n* More.\n", "has entries under Unreleased"),
        ("1.10.0 (2026-11-25)", "1.10.1 (2026-11-25)", "has no section '## 1.10.0 (YYYY-MM-DD)'"),
        ("1.10.0 (2026-11-25)", "1.10.0", "has the section '1.10.0'"),
        ("* New.", "", "says nothing about 1.10.0"),
        ("1.10.0 (2026-11-25)", "1.10.0 (2026-11-26)", "is in the future"),
        ("1.10.0 (2026-11-25)", "1.10.0 (2026-02-30)", "does not exist"),
        ("1.9.0 (2026-01-01)", "1.11.0 (2026-01-01)", "not its first and highest"),
        ("1.9.0 (2026-01-01)", "1.10.0 (2026-01-01)", "more than one section"),
        ("## Unreleased\n", "## 1.9.1 (2026-01-02)\n\n* Older.\n", "not its first and highest"),
    ],
)
def test_a_changelog_that_contradicts_is_told(old: str, new: str, sentence: str) -> None:
    """Each thing that is missing or wrong gets a sentence of its own."""
    assert sentence in "\n".join(release.check_changelog(GOOD.replace(old, new), "1.10.0", TODAY))


@pytest.mark.parametrize(
    ("version", "schema", "sentence"),
    [("1.10.0", 2, ""), ("1.9.0", 1, ""), ("1.1.0", 1, "no row for 1.1.0"), ("1.10.0", 1, "does not name schema 1")],
)
def test_the_upgrade_page_names_the_schema(version: str, schema: int, sentence: str) -> None:
    """The release's row in the table must hold the number of the code's ledger schema."""
    wrong = release.check_upgrading(TABLE, version, schema)
    assert (sentence in wrong[0]) if sentence else wrong == []


def test_a_wheel_holds_the_package_and_nothing_else() -> None:
    """A file that was left out is told, and so is one that does not belong there; metadata does not count."""
    tracked = ["retouch/__init__.py", "retouch/ledger/lua/claim.lua"]
    assert release.check_wheel([*tracked, "retouch-1.0.0.dist-info/RECORD"], tracked) == []
    assert release.check_wheel(["retouch/__init__.py", "tests/x.py"], tracked) == [
        "the wheel lacks retouch/ledger/lua/claim.lua",
        "the wheel holds tests/x.py, which is not in retouch/",
    ]


def test_a_clean_tree_without_the_tag_passes(repository: Path) -> None:
    """A committed tree may be released; a new file, or a tag of that version, prevents it."""
    assert release.check_git("1.0.0", repository) == []
    (repository / "new").touch()
    git(repository, "tag", "v1.0.0")
    changes, tag = release.check_git("1.0.0", repository)
    assert "not committed" in changes
    assert "v1.0.0 exists already" in tag


def test_a_failed_command_is_one_sentence(tmp_path: Path) -> None:
    """Where git has no repository, or a program is not there, the release ends with a sentence."""
    with pytest.raises(ReleaseError, match=r"git failed with exit code 128: fatal: not a git repository"):
        release.check_git("1.0.0", tmp_path)
    with pytest.raises(ReleaseError, match="no-such-program cannot be run"):
        release.run("no-such-program")


def test_a_package_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was built must print the released version once it is installed."""
    package = tmp_path / "retouch-1.10.0.tar.gz"
    package.touch()
    monkeypatch.setattr(release, "run", lambda *_command, **_where: b"retouch 1.9.0\n")
    with pytest.raises(ReleaseError, match=r"prints 'retouch 1\.9\.0' instead of 'retouch 1\.10\.0'"):
        release.try_out(package, "1.10.0", tmp_path / "work")
    release.try_out(package, "1.9.0", tmp_path / "again")


def test_everything_that_is_wrong_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    """All failed checks are told at once, on stderr, and nothing is built."""
    (repository / "pyproject.toml").write_text('[project]\nversion = "1.10.0"\n')
    monkeypatch.setattr(release, "ROOT", repository)
    monkeypatch.setattr(release, "check_git", lambda _version: ["the tree is dirty"])
    monkeypatch.setattr(keys, "SCHEMA", 2, raising=False)
    assert release.main() == 1
    assert capsys.readouterr().err.splitlines() == [
        "release: the tree is dirty",
        "release: CHANGELOG.md has no section '## 1.10.0 (YYYY-MM-DD)'",
        "release: docs/upgrading.md: the table of ledger schemas has no row for 1.10.0",
    ]
    assert not (repository / "dist").exists()


@pytest.mark.skipif(not ((ROOT / ".git").exists() and shutil.which("git")), reason="builds what git holds")
def test_the_commit_can_be_built(tmp_path: Path) -> None:
    """Today's commit gives one sdist and one wheel, and the wheel holds retouch/ with its Lua files and py.typed."""
    sdist, wheel = release.build(tmp_path)
    held = zipfile.ZipFile(wheel).namelist()
    tracked = run(["git", "ls-tree", "-r", "--name-only", "HEAD", "retouch"]).out.splitlines()
    assert release.check_wheel(held, tracked) == []
    assert "retouch/py.typed" in held
    assert any(name.endswith(".lua") for name in held)
    assert sdist.name.endswith(".tar.gz")
