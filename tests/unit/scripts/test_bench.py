"""The benchmark's arithmetic, its table, its stand-in, and small runs of both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from retouch.errors import ServiceError
from retouch.media.images import inspect
from scripts.benchmark import __main__ as bench
from scripts.benchmark import cost, environments, makespan, page, run, versions
from scripts.benchmark.enqueue import DISTINCT, SHARED, THROUGH_CLI
from scripts.benchmark.environments import NOT_HERE, NotInstallableError
from scripts.benchmark.growth import Growth
from scripts.benchmark.makespan import Pace
from scripts.benchmark.meter import TICK_S, Moment, Stretch
from scripts.benchmark.picture import noise_png
from scripts.benchmark.report import Report
from scripts.benchmark.service import Desk, Service, ideal_makespan_s, percentile
from scripts.benchmark.sizes import QUICK
from scripts.benchmark.table import heading, text
from scripts.benchmark.targets import Target
from scripts.benchmark.versions import ARQ, CELERY, FLOOR, RETOUCH, SAQ, VERSIONS
from scripts.benchmark.waiting import Waiting, Window
from workers.stack.child import ROOT


def stretch(cpu_ms: float, per_second: float = 100.0) -> Stretch:
    """A stretch of 10 s."""
    return Stretch(10 * per_second, 10.0, cpu_ms, {"valkey": 0.3, "stand-in": 0.1}, 64.0)


def growth(edits: int, cpu_ms: float) -> Growth:
    """What an edit costs in a batch of this size."""
    return Growth(edits, cpu_ms, 0.3, 100.0, 101.0, 102.0, 500.0, 1500.0)


def waiting() -> Waiting:
    """A poll costs 0.5 ms: told from 100 polls/s that take 0.05 of a core more than idling."""
    return Waiting(Window(0, 0.01, 0, 100), Window(1000, 0.06, 100, 102), Window(10_000, 0.54, 1000, 118))


def full_report() -> Report:
    """A report in which everything was measured."""
    return Report(
        {"cpu": "a CPU"},
        {"edits": "10"},
        {DISTINCT: 12_000.0, SHARED: 18_000.0, THROUGH_CLI: 6000.0, "celery": 900.0},
        {"celery": stretch(10.0, 50.0), "arq": stretch(5.0), "retouch": stretch(2.0, 400.0), "floor": stretch(1.0)},
        {"retouch": Pace(2000, 104.0, 100.0, 0.1, 0.25)},
        {"retouch": waiting()},
        [growth(1000, 1.0), growth(10_000, 1.3)],
        {1: stretch(2.0, 400.0), 2: stretch(2.1, 720.0)},
    )


def row(table: str, name: str) -> list[str]:
    """The cells of the row of this name."""
    [line] = [line for line in table.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_stretch_takes_four_calls_for_an_edit_and_splits_cpu_by_process() -> None:
    """CPU is what each process used between the two moments, in ms an edit."""
    start = Moment(100.0, 400, {"worker": 1.0, "valkey": 0.5})
    end = Moment(102.0, 1200, {"worker": 1.6, "valkey": 0.6})
    found = Stretch.between(start, end, 2**21)
    assert (found.edits, found.seconds, found.per_second, found.peak_mib) == (200, 2.0, 100.0, 2.0)
    assert found.cpu_ms == pytest.approx(3.0)
    assert found.beside_ms == pytest.approx({"valkey": 0.5})


def test_stretch_without_a_call_is_an_error() -> None:
    """A run that was over before its first moment has nothing to divide by."""
    moment = Moment(100.0, 400, {"worker": 1.0})
    with pytest.raises(ServiceError, match="more edits"):
        Stretch.between(moment, moment, 0)


@pytest.mark.parametrize(
    ("times_s", "places", "makespan_s"),
    [([], 2, 0), ([3], 2, 3), ([3, 1, 1, 1], 2, 3), ([1, 1, 3], 2, 4), ([2, 2, 2], 1, 6)],
    ids=["nothing", "one", "short ones beside a long one", "a long one last", "one place"],
)
def test_ideal_makespan_leaves_no_place_empty(times_s: list[float], places: int, makespan_s: float) -> None:
    """Each edit begins, in order, as soon as any place is free."""
    assert ideal_makespan_s(times_s, places) == makespan_s


def test_desk_lets_a_place_stand_empty_until_someone_comes() -> None:
    """What comes late begins when it comes, not when the place became free."""
    desk = Desk(1)
    assert [desk.take(0.0, 2.0), desk.take(1.0, 2.0), desk.take(10.0, 2.0)] == [2.0, 4.0, 12.0]


def test_service_times_have_their_median_and_come_again() -> None:
    """The same seed gives the same times, half of them below the median."""
    service = Service(median_s=3.0, sigma=0.5, seed=7)
    times = [time_s for time_s, _ in zip(service.times(), range(4001), strict=False)]
    assert percentile(times, 0.5) == pytest.approx(3.0, rel=0.05)
    assert percentile(times, 0.8413) == pytest.approx(3.0 * 2.71828**0.5, rel=0.05)
    assert [next(service.times()) for _ in range(2)] == [times[0], times[0]]


def test_service_comes_through_the_command_line_unchanged() -> None:
    """The stand-in runs the service that was asked for."""
    service = Service(3, 0.25, 0.125, 9)
    assert Service.parse(service.arguments()) == service


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)])
def test_percentile_is_a_value_that_was_seen(share: float, value: float) -> None:
    """The nearest rank, of values in any order."""
    assert percentile([4, 1, 3, 2], share) == value


def test_waiting_tells_the_polls_from_what_is_besides() -> None:
    """Many cost 0.54 cores, of which 1,000 polls/s at 0.5 ms are 0.5."""
    found = waiting()
    assert found.poll_ms == pytest.approx(0.5)
    assert found.besides == pytest.approx(0.04)
    assert found.more_mib == 18


def test_waiting_without_a_poll_has_nothing_but_the_rest() -> None:
    """A version that is told the results, instead of asking, spends all of it beside polls."""
    silent = Window(10, 0.2, 0, 100)
    assert Waiting(silent, silent, silent).besides == 0.2


def test_ratios_compare_retouch_with_every_side() -> None:
    """Each ratio says which is divided by which, and is that."""
    assert full_report().ratios() == {
        "CPU an edit, celery / Retouch": 5.0,
        "CPU an edit, arq / Retouch": 2.5,
        "CPU an edit, Retouch / floor": 2.0,
        "edits finished, Retouch / floor": 4.0,
        "CPU an edit, dearest size of a batch / cheapest": 1.3,
        "edits finished, two processes / one": 1.8,
    }


def test_targets_hold_or_not_by_their_own_side() -> None:
    """Of a report with hits and misses, every bound is judged, the best peer's by name."""
    judged = {target.name: (round(target.value, 2), target.holds) for target in full_report().targets(cores=4)}
    assert judged == {
        "CPU an edit, Retouch / floor": (2.0, False),
        "CPU an edit, best peer (arq) / Retouch": (2.5, False),
        "edits enqueued/s from Python, distinct prompts": (12_000, True),
        "edits enqueued/s from Python, one prompt": (18_000, False),
        "makespan / ideal": (1.04, True),
        "MiB more with 10,000 edits waiting": (18, True),
        "cores beside the polls, 10,000 edits waiting": (0.04, True),
        "CPU an edit, dearest size of a batch / cheapest": (1.3, False),
        "edits finished, two processes / one": (1.8, True),
    }


def test_two_processes_are_not_judged_where_they_share_the_cores() -> None:
    """With two cores for two workers, Valkey and the stand-in, no queue could be twice as fast."""
    assert not [target for target in full_report().targets(cores=2) if "two processes" in target.name]


@pytest.mark.parametrize("at_most", [True, False])
def test_target_holds_on_its_bound(at_most: bool) -> None:
    """Both "at most" and "at least" take the bound itself."""
    assert Target("x", 1.5, 1.5, at_most).holds


def test_nothing_is_compared_with_what_was_not_measured() -> None:
    """With one version alone there is no ratio, no target, and a dash in the others' columns."""
    report = Report({}, {}, stretches={"floor": stretch(1.0)})
    assert report.ratios() == {}
    assert report.targets(4) == []
    assert row(text(report, 4), "CPU ms an edit, worker") == ["-"] * (len(VERSIONS) - 1) + ["1.00"]


def test_column_of_a_peer_that_cannot_be_installed_says_so() -> None:
    """A missing peer is not a peer that was left out."""
    report = Report({}, {}, stretches={"floor": stretch(1.0)}, missing={"arq": f"{NOT_HERE} (no network)"})
    table = text(report, 4)
    assert row(table, "CPU ms an edit, worker")[VERSIONS.index(ARQ)] == NOT_HERE
    assert f"no figures  arq: {NOT_HERE} (no network)" in table


def test_tables_are_even_and_name_what_is_missed() -> None:
    """In each table every row is as wide as the others; a missed target is said in capitals."""
    found = text(full_report(), 4)
    tables = [part.splitlines() for part in found.split("\n\n") if part.startswith("|")]
    assert len(tables) == 3
    assert all(len({len(line) for line in table}) == 1 for table in tables)
    assert "MISSED  CPU an edit, Retouch / floor: 2.00 (at most 1.3)" in found
    assert "holds   makespan / ideal: 1.04 (at most 1.05)" in found
    assert row(found, "edits enqueued/s, distinct prompts")[0] == "900"


def test_heading_and_json_carry_the_machine() -> None:
    """A figure without its machine is worth nothing."""
    report = full_report()
    assert heading(report).splitlines() == ["cpu    a CPU", "edits  10"]
    written = json.loads(json.dumps(report.to_json(4)))
    assert written["machine"] == {"cpu": "a CPU"}
    assert written["versions"]["retouch"]["edits_per_s"] == 400.0
    assert written["makespan"]["retouch"]["of_ideal"] == 1.04
    assert len(written["targets"]) == 9


def test_page_takes_the_new_run_in_the_place_of_the_old(tmp_path: Path) -> None:
    """What stands around the marks stays, and publishing again leaves nothing of the run before."""
    document = tmp_path / "performance.md"
    document.write_text(f"# Before\n{page.BEGIN}\nold\n{page.END}\nAfter\n")
    page.publish("first", document)
    page.publish("second", document)
    written = document.read_text()
    assert written.startswith("# Before\n")
    assert written.endswith(f"{page.END}\nAfter\n")
    assert "second" in written
    assert "first" not in written
    assert "old" not in written


def test_documentation_has_the_marks() -> None:
    """``--docs`` finds its place at the end of a run of twenty minutes."""
    written = page.PAGE.read_text()
    assert written.index(page.BEGIN) < written.index(page.END)


def test_peers_pins_have_hashes_and_what_they_were_made_of() -> None:
    """Every environment is pinned file by file, and its first line says how to make the pins again."""
    files = sorted(versions.PEERS.glob("*.txt"))
    assert [file.stem for file in files] == sorted({version.pins for version in VERSIONS if version.pins})
    for file in files:
        entries = file.read_text().replace("\\\n", " ").splitlines()
        assert entries[0].startswith("# Of: ")
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries[2:])


def test_releases_of_all_peers_are_named() -> None:
    """Which release was compared stands beside the figures."""
    named = dict(entry.split() for entry in versions.pinned().split(", "))
    assert named.keys() == {"celery", "dramatiq", "arq", "saq", "taskiq"}
    assert all(release[0].isdigit() for release in named.values())


def test_environment_that_cannot_be_made_says_why() -> None:
    """The last line of what pip said becomes the reason, under the environment's name."""
    with pytest.raises(NotInstallableError, match=r"^arq: no network$"):
        environments._run(
            "arq", [sys.executable, "-c", "import sys; print('retrying', file=sys.stderr); sys.exit('no network')"]
        )


class Shell:
    """Stands for running commands: makes the folder that ``venv`` would make, and fails on request."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.ran: list[str] = []
        self.fails = False

    def __call__(self, name: str, command: list[str]) -> None:
        self.ran.append(command[3])
        self.venv.mkdir(parents=True, exist_ok=True)
        if self.fails:
            raise NotInstallableError(f"{name}: no network")


def test_environment_is_made_once_and_anew_for_other_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is used as it is; what could not be installed is tried again."""
    shell = Shell(tmp_path / "peer")
    monkeypatch.setattr(environments, "_run", shell)
    pins = tmp_path / "peer.txt"
    pins.write_text("one")
    assert environments.interpreter(pins, tmp_path) == tmp_path / "peer" / "bin" / "python"
    environments.interpreter(pins, tmp_path)
    assert shell.ran == ["venv", "pip"]
    pins.write_text("two")
    shell.fails = True
    with pytest.raises(NotInstallableError):
        environments.interpreter(pins, tmp_path)
    shell.fails = False
    environments.interpreter(pins, tmp_path)
    assert shell.ran == ["venv", "pip", "venv", "venv", "pip"]


def test_environment_may_hold_this_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the pins, from the checkout alone: nothing is fetched for it."""
    ran: list[list[str]] = []

    def shell(_name: str, command: list[str]) -> None:
        (tmp_path / "peer").mkdir(exist_ok=True)
        ran.append(command)

    monkeypatch.setattr(environments, "_run", shell)
    pins = tmp_path / "peer.txt"
    pins.write_text("one")
    environments.interpreter(pins, tmp_path, with_retouch=True)
    assert ran[-1][-2:] == ["-e", str(ROOT)]
    assert {"--no-deps", "--no-index"} <= set(ran[-1])


def test_run_goes_on_without_a_peer_that_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its column has the reason, and the others are measured."""

    def nowhere(*_: object) -> Path:
        raise NotInstallableError("no network")

    monkeypatch.setattr(versions, "interpreter", nowhere)
    monkeypatch.setattr(cost, "measure", lambda *_: stretch(1.0))
    report = Report({}, {})
    run.Run(QUICK, ["cpu"], [ARQ, RETOUCH, FLOOR], report).measure()
    assert report.stretches.keys() == {"retouch", "floor"}
    assert report.missing == {"arq": f"{NOT_HERE} (no network)"}


def test_run_notes_a_peer_that_fails_but_not_retouch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that gets stuck costs its own figures; if Retouch does, there is nothing to compare."""

    def stuck(*_: object) -> Stretch:
        raise ServiceError("nothing moved\nand the log")

    monkeypatch.setattr(versions, "interpreter", lambda *_: Path("python"))
    monkeypatch.setattr(cost, "measure", stuck)
    report = Report({}, {})
    run.Run(QUICK, ["cpu"], [ARQ], report).measure()
    assert report.missing == {"cpu, arq": "nothing moved"}
    with pytest.raises(ServiceError, match="nothing moved"):
        run.Run(QUICK, ["cpu"], [RETOUCH], report).measure()


def test_run_paces_retouch_the_ordinary_version_and_the_best_on_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the peers with an event loop, the one that took the least CPU meets the API that takes its time."""
    monkeypatch.setattr(versions, "interpreter", lambda *_: Path("python"))
    pace = Pace(10, 1.0, 1.0, 0.1, 0.2)
    monkeypatch.setattr(makespan, "measure", lambda *_: pace)
    report = Report({}, {}, stretches={"arq": stretch(5.0), "saq": stretch(4.0), "dramatiq": stretch(1.0)})
    run.Run(QUICK, ["makespan"], list(VERSIONS), report).measure()
    assert report.paces.keys() == {CELERY.name, SAQ.name, RETOUCH.name}


def test_only_chooses_rows_and_versions() -> None:
    """Names of versions alone mean all rows, names of rows alone all versions."""
    assert run.chosen([]) == (list(run.ROWS), list(VERSIONS))
    assert run.chosen(["arq", "cpu"]) == (["cpu"], [ARQ])
    assert run.chosen(["floor"]) == (list(run.ROWS), [FLOOR])


def test_picture_is_a_whole_png_of_some_60_kb() -> None:
    """Retouch's own check takes it, or no edit of the benchmark would ever be completed."""
    picture = noise_png()
    assert inspect(picture).extension == "png"
    assert 58_000 < len(picture) < 62_000


def test_bench_refuses_parts_that_it_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt part is not left out silently."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--only", "flour"])
    assert "unknown: 'flour'" in capsys.readouterr().err


@pytest.mark.slow
def test_bench_measures_retouch_and_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small run over real processes, with service times, ends with figures, and leaves nothing behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = tmp_path / "bench.json"
    assert bench.main(["--only", "cpu,makespan,retouch,floor", "--quick", "--json", str(outcome)]) == 0
    found = json.loads(outcome.read_text())
    assert found["versions"].keys() == {"retouch", "floor"}
    assert all(version["cpu_ms"] > 0 and version["edits"] > 0 for version in found["versions"].values())
    assert found["makespan"]["retouch"]["of_ideal"] >= 1
    assert found["makespan"]["retouch"]["lag_p95_s"] >= found["makespan"]["retouch"]["lag_p50_s"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_what_took_less_than_a_tick_of_the_kernel_took_at_most_one() -> None:
    """And not nothing, by which others are divided."""
    begin, end = Moment(0.0, 0, {"worker": 1.0}), Moment(1.0, 40, {"worker": 1.0})
    assert Stretch.between(begin, end, 0).cpu_ms == pytest.approx(1000 * TICK_S / 10)
