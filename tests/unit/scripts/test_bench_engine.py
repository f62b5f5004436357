"""The benchmark of the real engine, as far as it needs no model: traffic, batching, arithmetic, tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from scripts.benchmark import page
from scripts.benchmark.engine import counting, smi
from scripts.benchmark.engine.figures import Cell, Cells, Pieces, Same, Served
from scripts.benchmark.engine.loops import by_steps, merged
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.tables import text
from scripts.benchmark.engine.traffic import KINDS, UNIFORM, Job, Kind, jobs, traffics
from scripts.benchmark.engine.ways import LOOP, MERGED, ours
from tests.harness.waiting import until
from workers.endpoint.engine import RenderError

OTHER = Kind(15, 0.8, 7.5, "DDIMScheduler")
SIZE = (64, 64)
EXACT = "Retouch, exact, 16 rows"


def cell(images_per_s: float, calls: int = 150, peak_gib: float | None = None) -> Cell:
    """Ten images of 15 steps each; the middle round is the one that counts."""
    taken_s = 10 / images_per_s
    return Cell(10, 150, calls, 2 * calls, peak_gib, [taken_s / 2, taken_s, 3 * taken_s])


def report(*, judged: bool = True, peak_gib: float | None = None) -> Report:
    """A report in which everything was measured."""
    mixed: Cells = {
        LOOP: {1: cell(2.0), 16: cell(2.0)},
        EXACT: {1: cell(1.0), 16: cell(7.0, 20, peak_gib)},
        "Retouch, fast, 16 rows": {16: cell(9.0, 20)},
    }
    uniform: Cells = {LOOP: {16: cell(2.5)}, EXACT: {16: cell(8.0, 20)}}
    return Report(
        {"device": "a GPU"},
        {"model": "full"},
        judged,
        counting.count(16, 4, 8),
        {"mixed": mixed, "uniform": uniform},
        Pieces({"eager": {2: 20.0, 16: 45.0}, "compiled": {16: 30.0}}, {4: 80.0}, {"a step of DDIM": 0.1}),
        [Same(EXACT, "float16", 12, 12)],
        Served(64, 16, endpoint=[10.48, 10.2, 99.0], alone=[10.0, 9.0, 11.0], busy=0.97, usual={1: 0.7, 16: 4.25}),
    )


def row(shown: str, header: str, name: str) -> list[str]:
    """The cells of a row in the table with this header."""
    [table] = [part for part in shown.split("\n\n") if part.startswith(f"| {header} ")]
    [line] = [line for line in table.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_traffic_is_the_same_every_time_and_of_the_same_work() -> None:
    """Mixed images have some 15 calls in the mean, as all uniform ones have."""
    found = traffics(600)
    assert found == traffics(600)
    assert {job.kind for job in found["uniform"]} == {UNIFORM}
    assert len({job.kind for job in found["mixed"]}) > 100
    assert UNIFORM.calls == 15
    assert sum(job.kind.calls for job in found["mixed"]) / 600 == pytest.approx(15, rel=0.03)
    assert {kind.guidance > 1 for kind in KINDS} == {True}


def test_requests_are_merged_with_what_waits_and_is_equal() -> None:
    """Others keep their order, and a batch holds no more than fit."""
    mixed = [Job(number, UNIFORM if number % 2 else OTHER) for number in range(8)]

    def numbers(in_flight: int, most: int) -> list[list[int]]:
        return [[job.number for job in batch] for batch in merged(mixed, in_flight, most)]

    assert numbers(1, 8) == [[number] for number in range(8)]
    assert numbers(4, 8) == [[0, 2], [1, 3, 5], [4, 6], [7]]
    assert numbers(8, 3) == [[0, 2, 4], [1, 3, 5], [6], [7]]


class Noting(counting.Counter):
    """A model that notes how many images meet in a call."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[int] = []

    def predict(self, states: Sequence[Any], rows: int) -> list[None]:
        self.met.append(len(states))
        return super().predict(states, rows)


def test_as_many_as_wanted_are_in_flight_until_the_last() -> None:
    """An image that is done makes place for the next one at once."""
    model = Noting()
    made = by_steps(model, jobs(12, 1), SIZE, 4, max_rows=16, exact=True)
    assert len(made) == 12
    assert model.met == [4] * 45
    assert model.calls == [16] * 45


def test_no_call_has_more_images_than_fit() -> None:
    """However many are in flight; fast calls have no more rows than they need."""
    model = Noting()
    by_steps(model, jobs(12, 1), SIZE, 12, max_rows=8, exact=False)
    assert max(model.met) == 4
    alone = Noting()
    by_steps(alone, jobs(2, 1), SIZE, 1, max_rows=8, exact=False)
    assert alone.calls == [2] * 30


def test_an_image_that_cannot_be_made_ends_the_measurement() -> None:
    """Else fewer images would look like more images a second."""

    class Broken(counting.Counter):
        def finish(self, state: Any) -> None:
            raise RenderError("nan")

    with pytest.raises(RenderError, match="nan"):
        by_steps(Broken(), jobs(2, 1), SIZE, 1, max_rows=8, exact=True)


def test_merging_helps_equal_requests_and_steps_help_all() -> None:
    """Of one kind both need as few calls; of all kinds merging needs nearly as many as one image after the other."""
    found = {counted.kinds: counted for counted in counting.count(256, 16, 16)}
    assert found[1].merged == found[1].by_steps == found[1].loop / 8
    assert found[108].merged > 0.7 * found[108].loop
    assert found[108].by_steps < found[108].loop / 7


def test_a_cpu_is_measured_as_the_endpoint_uses_it_too() -> None:
    """One image a call; a GPU never works like that."""
    assert [way.name for way in ours((16, 32), on_gpu=True)] == [
        "Retouch, exact, 16 rows",
        "Retouch, exact, 32 rows",
        "Retouch, fast, 32 rows",
    ]
    assert ours((16,), on_gpu=False)[0].name == "Retouch, one image a call"


def test_aims_are_told_as_met_or_not() -> None:
    """By the median round, of the quickest exact way."""
    assert [(round(aim.value or 0, 3), aim.met) for aim in report().aims()] == [
        (3.5, True),
        (0.875, False),
        (0.048, True),
        (0.97, True),
    ]
    shown = text(report())
    assert f"met           images/s, mixed traffic ({EXACT}, 16 in flight) / {LOOP}: 3.50 (at least 3)" in shown
    assert "NOT MET       steps/s, mixed / uniform traffic" in shown


@pytest.mark.parametrize("found", [report(judged=False), Report({}, {}, judged=True)], ids=["on a CPU", "nothing"])
def test_what_was_not_measured_meets_no_aim_and_misses_none(found: Report) -> None:
    """A tiny model or a CPU says nothing about a GPU."""
    assert [aim.met for aim in found.aims()] == [None] * 4
    assert text(found).count("not measured  ") == 4


def test_tables_are_even_and_show_what_is_missing() -> None:
    """A dash where there is no figure, and below the tables the reason."""
    found = report(peak_gib=7.25)
    found.remarks[f"mixed: {MERGED}, 16 in flight"] = "CUDA out of memory"
    assert found.pieces
    found.pieces.remarks["UNet compiled, 2 rows"] = "no compiler"
    shown = text(found)
    tables = [part.splitlines() for part in shown.split("\n\n") if part.startswith("|")]
    assert all(len({len(line) for line in table}) == 1 for table in tables)
    assert row(shown, "mixed: UNet calls", EXACT) == ["150", "20"]
    assert row(shown, "mixed: rows of these, with padding", LOOP) == ["300", "300"]
    assert row(shown, "mixed: images/s", "Retouch, fast, 16 rows") == ["-", "9.00"]
    assert row(shown, f"mixed: images/s, times {LOOP}", EXACT) == ["0.50", "3.50"]
    assert row(shown, "mixed: peak memory, GiB", EXACT) == ["-", "7.2"]
    assert row(shown, "UNet ms, by rows", "compiled") == ["-", "30.0"]
    assert row(shown, "VAE decode ms, by images", "an image") == ["20.0"]
    assert row(shown, "bytes equal alone and beside others", EXACT) == ["float16", "12 of 12"]
    assert row(shown, "64 edits at once, 16 in flight", "ms that the endpoint adds to an image") == ["7.5"]
    assert row(shown, "64 edits at once, 16 in flight", "images/s") == ["6.11"]
    assert row(shown, "through the endpoint: images/s", "30 steps at 0.8") == ["0.70", "4.25"]
    assert f"note: mixed: {MERGED}, 16 in flight: CUDA out of memory" in shown
    assert "note: UNet compiled, 2 rows: no compiler" in shown


def test_no_device_s_memory_is_no_table() -> None:
    """A CPU does not tell it."""
    assert "peak memory" not in text(report())


def test_json_has_what_is_derived_too() -> None:
    """Rates and aims, not seconds alone."""
    written = json.loads(json.dumps(report().to_json()))
    assert written["race"]["mixed"][EXACT]["16"]["images_per_s"] == 7.0
    assert written["served"]["overhead"] == pytest.approx(0.048)
    assert [aim["met"] for aim in written["aims"]] == [True, False, True, True]


@pytest.mark.parametrize(
    ("lines", "busy"),
    [(["100", "90", "80"], 0.9), (["[N/A]", "[N/A]"], None), (["97", ""], 0.97)],
    ids=["a GPU", "a part of a GPU", "an empty line"],
)
def test_how_busy_a_gpu_is_is_the_mean_of_what_is_told(lines: list[str], busy: float | None) -> None:
    """What is no number is none; the command, which would go on for ever, is ended."""
    endless = f"import signal; print(*{lines!r}, sep='\\n', flush=True); signal.pause()"
    with smi.watching([sys.executable, "-c", endless]) as watch:
        until(lambda: len(watch.told) == len(lines), "all is told")
    assert watch.busy == busy


def test_without_the_command_nothing_is_told() -> None:
    """Its driver is not installed."""
    with smi.watching(["no-such-command"]) as watch:
        pass
    assert watch.busy is None
    assert smi.command("GPU-1")[1] == "--id=GPU-1"


@pytest.mark.parametrize("where", ["CPU", "GPU"])
def test_documentation_has_a_place_for_the_tables(where: str) -> None:
    """Of a run on a CPU, and of one on a GPU."""
    written = page.PAGE.read_text()
    mark = page.ENGINE[where == "GPU"]
    assert page.END in written[written.index(mark) :]
