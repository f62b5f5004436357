"""The benchmark's arithmetic, its table, and one small run of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retouch.errors import ServiceError
from retouch.images import check_whole, inspect
from scripts.benchmark import __main__ as bench
from scripts.benchmark.meter import Moment, Stretch
from scripts.benchmark.picture import noise_png
from scripts.benchmark.report import Report, Target, heading, table
from scripts.benchmark.standin import API_PATH, Answers, Connection


def stretch(cpu_ms: float, per_second: float = 100.0) -> Stretch:
    """A stretch of 10 s."""
    return Stretch(10 * per_second, 10.0, cpu_ms, {"valkey": 0.3, "stand-in": 0.1}, 64.0)


def full_report() -> Report:
    """A report in which everything was measured."""
    return Report(
        {"cpu": "a CPU"},
        {"edits": "10"},
        {"cli": 5000.0, "python": 8000.0, "ordinary": 500.0},
        {"ordinary": stretch(20.0, 50.0), "retouch": stretch(2.0, 400.0), "floor": stretch(1.0, 800.0)},
    )


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


def test_ratios_compare_retouch_with_both_sides() -> None:
    """Each ratio says which is divided by which, and is that."""
    assert full_report().ratios() == {
        "CPU an edit, Retouch / floor": 2.0,
        "edits finished, Retouch / floor": 0.5,
        "CPU an edit, ordinary / Retouch": 10.0,
        "edits finished, Retouch / ordinary": 8.0,
        "edits enqueued, CLI / ordinary": 10.0,
    }


def test_targets_hold_or_not_by_their_own_side() -> None:
    """Twice the floor is too much, ten times less than the ordinary version and 2 s for the CLI are good."""
    assert [(t.value, t.holds) for t in full_report().targets()] == [(2.0, False), (10.0, True), (2.0, True)]


@pytest.mark.parametrize(("at_most", "holds"), [(True, True), (False, True)])
def test_target_holds_on_its_bound(at_most: bool, holds: bool) -> None:
    """Both "at most" and "at least" take the bound itself."""
    assert Target("x", 1.5, 1.5, at_most).holds is holds


def test_nothing_is_compared_with_what_was_not_measured() -> None:
    """With one version alone there is no ratio, no target, and a dash in the others' columns."""
    report = Report({}, {}, {}, {"floor": stretch(1.0)})
    assert report.ratios() == {}
    assert report.targets() == []
    [row] = [line for line in table(report).splitlines() if line.startswith("| CPU ms an edit, worker")]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["CPU ms an edit, worker", "-", "-", "1.00"]


def test_table_is_even_and_names_what_is_missed() -> None:
    """Every row of the table is as wide as the others; a missed target is said in capitals."""
    text = table(full_report())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    assert "MISSED  CPU an edit, Retouch / floor: 2.00 (at most 1.5)" in text
    assert "holds   CPU an edit, ordinary / Retouch: 10.00 (at least 8)" in text


def test_heading_and_json_carry_the_machine() -> None:
    """A figure without its machine is worth nothing."""
    report = full_report()
    assert heading(report).splitlines() == ["cpu    a CPU", "edits  10"]
    written = json.loads(json.dumps(report.to_json()))
    assert written["machine"] == {"cpu": "a CPU"}
    assert written["versions"]["retouch"]["edits_per_s"] == 400.0
    assert [t["holds"] for t in written["targets"]] == [False, True, True]


def test_picture_is_a_whole_png_of_some_60_kb() -> None:
    """Retouch's own check takes it, or no edit of the benchmark would ever be completed."""
    picture = noise_png()
    check_whole(inspect(picture), picture, picture, len(picture))
    assert 58_000 < len(picture) < 62_000


class Wire:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def connected(answers: Answers) -> tuple[Connection, Wire]:
    """A connection to the stand-in, without a network."""
    connection, wire = Connection(answers.to), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire


def test_standin_answers_requests_that_arrive_in_pieces() -> None:
    """Heads and bodies may be cut anywhere, and the next request may follow in the same piece."""
    answers = Answers(1234)
    connection, wire = connected(answers)
    put = b"PUT /bench/a/0.png HTTP/1.1\r\nContent-Length: 5\r\n\r\nimage"
    post = f"POST {API_PATH} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}".encode()
    stream = put + post + b"GET /result/picture.png HTTP/1.1\r\n\r\n"
    for first in range(0, len(stream), 7):
        connection.data_received(stream[first : first + 7])
    assert answers.counts == {"put": 1, "post": 1, "download": 1}
    assert b'"PENDING"' in wire.written[1]
    assert wire.written[2].endswith(noise_png())


def test_standin_asks_for_a_body_that_waits_to_be_asked_for() -> None:
    """boto3 holds a body back until it reads ``100 Continue``, and for a whole second if it never does."""
    connection, wire = connected(Answers(1234))
    connection.data_received(b"PUT /bench/a/0.png HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    connection.data_received(b"x")
    assert wire.written[1].startswith(b"HTTP/1.1 200 OK")


def test_standin_counts_images_alone() -> None:
    """The worker's probe of the store and a batch's manifest are no edits."""
    answers = Answers(1234)
    for path in (b"/bench/_retouch/probe", b"/bench/batch/manifest.jsonl", b"/bench/batch/_SUCCESS"):
        answers.to(b"PUT", path)
    assert answers.counts == {}


def test_bench_refuses_parts_that_it_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt part is not left out silently."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--only", "flour"])
    assert "unknown: 'flour'" in capsys.readouterr().err


def test_bench_measures_retouch_and_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small run over real processes ends with figures, and leaves nothing behind."""
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = tmp_path / "bench.json"
    assert bench.main(["--only", "retouch,floor", "--edits", "100", "--json", str(outcome)]) == 0
    versions = json.loads(outcome.read_text())["versions"]
    assert versions.keys() == {"retouch", "floor"}
    assert all(version["cpu_ms"] > 0 and version["edits"] > 0 for version in versions.values())
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
