"""The benchmark of the gateway, as far as it needs no servers: arithmetic, tables, bounds, its receiver."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from retouch.errors import ServiceError
from retouch.intake.admission import Intake
from retouch.intake.checked import check
from retouch.intake.manifest import Columns
from retouch.intake.manifest.opening import declared
from retouch.net.addresses import PrivateHosts
from scripts.benchmark import page
from scripts.benchmark.gateway import small
from scripts.benchmark.gateway.__main__ import main
from scripts.benchmark.gateway.hooks import Delivered
from scripts.benchmark.gateway.posts import Post
from scripts.benchmark.gateway.report import Report
from scripts.benchmark.gateway.run import Run
from scripts.benchmark.gateway.sizes import QUICK, Sizes
from scripts.benchmark.gateway.small import Small
from scripts.benchmark.gateway.tables import text
from scripts.benchmark.gateway.waiters import Waited, size_of
from scripts.benchmark.gateway.ways import (
    AIOHTTP,
    ALWAYS,
    BAD_SINKS,
    BARE,
    GATEWAY,
    LOOP,
    NO_SINK,
    POLLS,
    STREAMS,
    WORKER,
)
from scripts.benchmark.meter import Stretch
from tests.harness.broken_lines import broken


def stretch(per_second: float) -> Stretch:
    """Ten seconds of edits."""
    return Stretch(10 * per_second, 10.0, 0.7, {"valkey": 0.2, "stand-in": 0.1}, 100.0)


def post(seconds: float, peak_mib: float | None = 100.0) -> Post:
    """A request while others were answered in 1 to 100 ms."""
    return Post(seconds, 1.0, peak_mib, [float(ms) for ms in range(1, 101)])


def report() -> Report:
    """A report in which everything was measured, in three rounds where that matters."""
    return Report(
        {"cpu": "a CPU"},
        {"rounds": "3"},
        posts={
            GATEWAY: {10_000: [post(1.0), post(3.0), post(1.5)], 100_000: [post(12.0, 160.0)]},
            BARE: {10_000: [post(0.5)], 100_000: [post(3.0)]},
            LOOP: {10_000: [Post(0.2, 0.1)], 100_000: [Post(1.0, 0.5)]},
        },
        broken={1_000_000: post(40.0, 94.0)},
        small={
            GATEWAY: [Small(199.0, {0.5: 9.0, 0.95: 60.0, 0.99: 70.0}, 1.8)],
            ALWAYS: [Small(199.0, {0.5: 9.0, 0.95: 51.0, 0.99: 70.0}, 1.8)],
            BARE: [Small(200.0, {0.5: 3.0, 0.95: 20.0, 0.99: 40.0}, 0.4)],
        },
        hooks={WORKER: [Delivered(1200.0, 0.3)], AIOHTTP: [Delivered(6000.0, 0.1)]},
        sinks={
            NO_SINK: [stretch(1000.0), stretch(500.0), stretch(800.0)],
            BAD_SINKS: [stretch(960.0), stretch(490.0), stretch(400.0)],
        },
        waits={
            STREAMS: [Waited(200, 290.0, 0.03, [0.01, 0.02, 0.5])],
            POLLS: [Waited(200, 280.0, 0.15, [0.3, 0.6, 1.1])],
        },
    )


def row(shown: str, header: str, name: str) -> list[str]:
    """The cells of a row in the table with this header."""
    [table] = [part for part in shown.split("\n\n") if part.startswith(f"| {header} ")]
    [line] = [line for line in table.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_tables_show_the_middle_of_the_rounds_and_the_worst_of_memory() -> None:
    """With what was not told left out."""
    shown = text(report())
    edits = "10,000 edits in one request"
    assert row(shown, edits, "seconds, median") == ["1.50", "0.50", "0.20"]
    assert row(shown, edits, "seconds, quickest") == ["1.00", "0.50", "0.20"]
    assert row(shown, edits, "peak memory MiB of the server") == ["100", "100", "-"]
    assert row(shown, edits, "ms of others' requests, p99") == ["99.0", "99.0", "-"]
    assert row(shown, "small requests, an edit each", "ms, p95") == ["60", "51", "20"]
    assert row(shown, "1,000,000 lines, one in a thousand broken", "peak memory MiB of the gateway") == ["94"]
    assert row(shown, "200 callers wait for a batch's end each", "s until the last one knows") == ["0.500", "1.100"]


def test_ratios_are_of_pairs_that_met_the_same_load() -> None:
    """Of the three rounds beside bad sinks, 0.96, 0.98 and 0.5, the one in the middle counts."""
    ratios = report().ratios()
    assert ratios[f"edits finished/s, {BAD_SINKS} / {NO_SINK}"] == pytest.approx(0.96)
    assert ratios[f"seconds for 10,000 edits, {GATEWAY} / {BARE}"] == pytest.approx(3.0)
    assert ratios[f"ms of a small request, p95, {GATEWAY} / {BARE}"] == pytest.approx(3.0)
    assert ratios["the gateway's CPU for those who wait, asked each second / events"] == pytest.approx(5.0)


def test_a_bound_that_is_missed_says_so() -> None:
    """And only what was measured is judged."""
    held: dict[bool, list[str]] = {True: [], False: []}
    for target in report().targets():
        held[target.holds].append(target.name)
    assert held[False] == [
        "seconds for 100,000 edits in one request",
        "MiB of the gateway for 100,000 edits, peak",
        f"ms of a small request, p95, {GATEWAY}",
        f"ms of a small request, p95, {ALWAYS}",
    ]
    assert len(held[True]) == 7
    assert Report({}, {}).targets() == []
    assert text(Report({}, {}, missing={"small": "why"})) == "note: small: why"


def test_the_report_is_json_too() -> None:
    """Ratios and bounds included."""
    read = json.loads(json.dumps(report().to_json()))
    assert read["small"][BARE][0]["per_s"] == 200.0
    assert {target["holds"] for target in read["targets"]} == {True, False}


def test_what_wrk_prints_is_read() -> None:
    """The last line is what the script tells of the run."""
    told = {"requests": 100, "failed": 0, "seconds": 10.0, "us": {"0.5": 5000, "0.95": 20_000, "0.99": 300_000}}
    assert small.read(f"a warning\n{json.dumps(told)}\n") == (100, 10.0, {0.5: 5.0, 0.95: 20.0, 0.99: 300.0})
    with pytest.raises(ServiceError, match="3 of 100 requests failed"):
        small.read(json.dumps(told | {"failed": 3}))


def test_a_machine_without_the_load_tool_is_told_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """All other parts have figures."""
    monkeypatch.setenv("PATH", "")
    found = Report({}, {})
    Run(QUICK, found).measure(["small"])
    assert "apt install wrk" in found.missing["small"]
    assert "apt install wrk" in text(found)


def test_batches_that_are_waited_for_end_one_after_the_other() -> None:
    """They get turns alike, so their sizes differ; in the mean they have as many edits as they should."""
    sizes = Sizes(clients=200, per_batch=30)
    found = [size_of(number, sizes) for number in range(200)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (1, 59)
    assert sum(found) / 200 == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("seed", range(40))
def test_a_broken_line_is_no_edit(tmp_path: Path, seed: int) -> None:
    """Whichever way it is broken in, so that a body that holds one must be refused."""
    line = b'{"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/a.png", "width": 512}'
    manifest = tmp_path / "one.jsonl"
    manifest.write_bytes(broken(line, random.Random(seed)) + b"\n")
    with manifest.open("rb") as file:
        source = declared(file, "body", Columns.parse([]), table=False)
        checked = check(source, "batch", Intake({}, PrivateHosts.parse("")))
    assert (len(checked.entries), len(checked.rejected)) == (0, 1)


def test_options_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, before anything is measured."""
    for arguments, said in (
        (["--only", "posts,nothing"], "unknown: 'nothing'"),
        (["--rounds", "0"], "is not a number of rounds"),
        (["--quick", "--docs"], "with --quick they mean nothing"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_the_page_has_a_place_for_the_run() -> None:
    """Which --docs fills."""
    assert page.PAGE.read_text().count(page.GATEWAY) == 1
