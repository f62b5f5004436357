"""``scripts/bench --engine``, run to its end on a CPU with the tiny model."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `diffusion`: scripts/test --diffusion")

import numpy as np

from scripts.benchmark.engine import __main__ as bench
from scripts.benchmark.engine import smi
from scripts.benchmark.engine.counting import Counter
from scripts.benchmark.engine.device import Device
from scripts.benchmark.engine.loops import by_steps
from scripts.benchmark.engine.race import Pipeline, race
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.run import PARTS
from scripts.benchmark.engine.sizes import QUICK, Sizes
from scripts.benchmark.engine.subject import Calls, Model, Subject
from scripts.benchmark.engine.traffic import jobs, traffics
from scripts.benchmark.engine.ways import LOOP, MERGED
from tests.harness import tiny_sd
from workers.endpoint.diffusion.model import to
from workers.endpoint.diffusion.sampling import Sampler

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # among its libraries
torch.set_num_threads(1)
CPU = Device("cpu")


@pytest.fixture(scope="module")
def subject() -> Subject:
    """The tiny model."""
    return Subject.make(Model.TINY, CPU, "float32")


@pytest.mark.slow
def test_every_part_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With figures, with bytes that are equal, and with nothing left behind; no aim is judged on a CPU."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = tmp_path / "bench.json"
    assert bench.main(["--device", "cpu", "--quick", "--json", str(outcome)]) == 0
    found = json.loads(outcome.read_text())
    assert found["remarks"] == found["pieces"]["remarks"] == {}
    assert {aim["met"] for aim in found["aims"]} == {None}
    for traffic, wanted in traffics(QUICK.images).items():
        counter = Counter()
        by_steps(counter, wanted, (64, 64), 2, max_rows=4, exact=True)
        cell = found["race"][traffic]["Retouch, exact, 4 rows"]["2"]
        assert (cell["calls"], cell["rows"]) == (len(counter.calls), sum(counter.calls))
        assert found["race"][traffic][LOOP]["2"]["calls"] == sum(job.kind.calls for job in wanted)
    assert all(one["same"] == one["of"] for one in found["same"] if "fast" not in one["way"])
    assert found["pieces"]["unet"].keys() == {"eager", "channels last", "compiled"}
    assert len(found["served"]["endpoint"]) == len(found["served"]["alone"]) == 1
    assert found["served"]["usual"].keys() == {"1", "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_both_sides_make_the_same_images(subject: Subject) -> None:
    """To the bit one by one; merged, each is still the one that was asked for."""
    wishes = [subject.wish(job) for job in jobs(3, 1)]
    pipeline = Pipeline(subject)
    ours = [one.image for one in by_steps(Sampler(subject.parts), wishes, subject.size, 3, max_rows=1, exact=True)]
    alone = [pipeline.make([wish])[0] for wish in wishes]
    assert [image.tobytes() for image in ours] == [image.tobytes() for image in alone]
    for one, other in zip(ours, pipeline.make(wishes), strict=True):
        difference = np.asarray(one, np.int16) - np.asarray(other, np.int16)
        assert abs(difference).max() <= 1


def test_what_memory_is_too_small_for_is_named_and_the_rest_measured(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole batches need the most."""
    make = Pipeline.make

    def small(self: Pipeline, wishes: Any) -> Any:
        if len(wishes) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 MiB.")
        return make(self, wishes)

    monkeypatch.setattr(Pipeline, "make", small)
    report = Report({}, {}, judged=False)
    monkeypatch.setattr("scripts.benchmark.engine.race.traffics", lambda count: {"uniform": jobs(count, 1)})
    sizes = Sizes(images=2, rounds=2, in_flight=(1, 2), max_rows=(4,))
    race(subject, sizes, report, lambda _what: None)
    assert report.remarks == {f"uniform: {MERGED}, 2 in flight": "CUDA out of memory."}
    assert report.race["uniform"][MERGED].keys() == {1}
    assert len(report.race["uniform"]["Retouch, fast, 4 rows"][2].seconds) == 2


def test_calls_in_other_numbers_than_the_model_s_own_are_noticed() -> None:
    """Such an image was made twice, so that its time says nothing."""
    subject = Subject.make(Model.TINY, CPU, "bfloat16")
    to(subject.parts.unet, "cpu", torch.float32)
    with subject.counted() as counted, torch.inference_mode():
        subject.parts.unet(torch.zeros(2, 4, 8, 8), 1, encoder_hidden_states=torch.zeros(2, 77, 32))
    assert counted == Calls(calls=1, rows=2, most=2, again=1)
    assert not subject.parts.unet._forward_hooks


def test_calls_that_memory_has_made_smaller_are_told(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a row of the table would say more rows than there were."""
    forward = subject.parts.unet.forward

    def small(latents: Any, *given: Any, **named: Any) -> Any:
        if len(latents) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(latents, *given, **named)

    monkeypatch.setattr(subject.parts.unet, "forward", small)
    monkeypatch.setattr("scripts.benchmark.engine.race.traffics", lambda count: {"uniform": jobs(count, 1)})
    report = Report({}, {}, judged=False)
    race(subject, Sizes(images=1, rounds=1, in_flight=(1,), max_rows=(8,)), report, lambda _what: None)
    told = "memory was too small for 8 rows: its calls had 4 at most"
    assert report.remarks == {"uniform: Retouch, exact, 8 rows, 1 in flight": told}


def test_a_device_too_small_for_the_model_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code says that something failed."""

    def small(*_given: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(tiny_sd, "random_parts", small)
    assert bench.main(["--device", "cpu", "--quick"]) == 1
    assert capsys.readouterr().err == "bench: cpu has too little memory for --model tiny\n"


def test_a_gpu_is_asked_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is asked of CUDA exists, and is of the device that was named."""
    asked: dict[str, Any] = {}

    def answer(name: str, told: Any) -> None:
        assert hasattr(torch.cuda, name)
        monkeypatch.setattr(torch.cuda, name, lambda device: asked.setdefault(name, device) and told)

    answer("synchronize", None)
    answer("reset_peak_memory_stats", None)
    answer("max_memory_allocated", 3 << 30)
    answer("get_device_name", "NVIDIA H100")
    answer("get_device_properties", SimpleNamespace(uuid="1-2"))
    commands: list[list[str]] = []

    def watching(command: list[str]) -> AbstractContextManager[None]:
        commands.append(command)
        return nullcontext()

    monkeypatch.setattr(smi, "watching", watching)
    device = Device("cuda:1")
    device.wait()
    device.forget_peak()
    assert device.peak_gib() == 3.0
    assert device.describe().startswith("NVIDIA H100, CUDA ")
    with device.watched():
        pass
    assert "--id=GPU-1-2" in commands[0]
    assert set(asked.values()) == {"cuda:1"}
    assert len(asked) == 5


def test_a_cpu_s_seconds_are_those_of_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine does; a GPU works beside the process, so that there the clock counts."""
    process = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=1.0, system=0.5))
    monkeypatch.setattr("psutil.Process", {7: process}.__getitem__)
    monkeypatch.setattr("time.process_time", lambda: 1.0)
    monkeypatch.setattr("time.perf_counter", lambda: 2.0)
    assert (CPU.now_s(), CPU.now_s(7)) == (1.0, 1.5)
    assert Device("cuda").now_s() == Device("cuda").now_s(7) == 2.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--device", "cuda:7"], "--device cuda:7: torch "),
        (["--quick", "--docs"], "with --quick they mean nothing"),
        (["--only", "races"], f"unknown: 'races'; choose from {','.join(PARTS)}"),
        (["--rounds", "0"], "'0' is not a number of rounds"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is made."""
    with pytest.raises(SystemExit, match="2"):
        bench.main(options)
    assert says in capsys.readouterr().err
