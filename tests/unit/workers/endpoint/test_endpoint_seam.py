"""What the endpoint makes of an engine: its answers, its fullness, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio.lowlevel
import pytest

from retouch.edit import DEFAULT_MODEL, Parameters
from tests.unit.workers.endpoint.conftest import Caller, Copy
from workers.endpoint.engine import (
    EngineError,
    EngineFullError,
    EngineStoppedError,
    Progress,
    Rendered,
    RenderError,
    seeds_of,
)
from workers.endpoint.stand_in import StandIn

pytestmark = pytest.mark.anyio


class Model(Copy):
    """An engine with one model, whose renders wait for a word: a result to give, or an error to raise."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Parameters, Progress, asyncio.Future[Rendered]]] = []

    def problems(self, params: Parameters) -> Mapping[str, str]:
        return {} if params.model_id == DEFAULT_MODEL else {"model_id": f"this endpoint has one model: {DEFAULT_MODEL}"}

    async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
        word: asyncio.Future[Rendered] = asyncio.get_running_loop().create_future()
        self.held.append((params, progress, word))
        return await word

    def end(self, word: Exception | None = None) -> None:
        """Give all that is held its pictures, or raise ``word``."""
        held, self.held = self.held, []
        for params, _, future in held:
            if word:
                future.set_exception(word)
            else:
                future.set_result(Rendered([b"png"] * len(seeds_of(params)), seeds_of(params)))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until it holds."""
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


@pytest.fixture
def model() -> Model:
    return Model()


async def begun(caller: Caller, model: Model, edits: int = 1, **fields: Any) -> list[str]:
    """Submit edits, and return their ids once the engine has them all."""
    caller.gate.opened.set()
    ids = [(await caller.submit(**fields)).json()["id"] for _ in range(edits)]
    await until(lambda: len(model.held) == edits)
    return ids


@pytest.mark.parametrize(
    ("asked", "told"),
    [(5, [5, 6, 7]), (0, [0, 1, 2]), (2**32 - 1, [2**32 - 1, 0, 1]), (2**32 + 7, [7, 8, 9])],
)
async def test_a_seed_is_told_for_each_picture(caller: Caller, asked: int, told: list[int]) -> None:
    """Sample n has seed + n, which wraps at 2^32."""
    answer = await caller.outcome((await caller.submit(seed=asked, samples=3)).json()["id"])
    assert answer["seeds"] == told


@pytest.mark.parametrize("fields", [{}, {"seed": -1}])
async def test_whoever_sends_the_told_seed_gets_the_same_picture(caller_with: Any, fields: dict[str, int]) -> None:
    """A seed that the caller leaves open is chosen, another for each edit, and the second picture's is told too."""
    caller = caller_with(StandIn())
    first, other = [await pictures_of(caller, samples=2, **fields) for _ in range(2)]
    assert first != other
    for seed, picture in first.items():
        assert await pictures_of(caller, seed=seed) == {seed: picture}


async def pictures_of(caller: Caller, **fields: Any) -> dict[int, bytes]:
    answer = await caller.outcome((await caller.submit(width=64, height=64, prompt="oil", **fields)).json()["id"])
    pictures = [(await caller.anyone.get(link)).content for link in answer["download_urls"]]
    return dict(zip(answer["seeds"], pictures, strict=True))


async def test_a_chosen_seed_is_the_same_after_a_restart(caller_with: Any, tmp_path: Path) -> None:
    """The answer may have been read before it, and its pictures are fetched after it."""
    before = caller_with(journal=tmp_path / "edits.jsonl")
    job_id = (await before.submit()).json()["id"]
    told = (await before.outcome(job_id))["seeds"]
    assert (await caller_with(journal=tmp_path / "edits.jsonl").outcome(job_id))["seeds"] == told


async def test_an_answer_names_what_made_it(caller: Caller) -> None:
    """The engine's facts; and an engine without a checker says that nobody checked."""
    answer = await caller.outcome((await caller.submit()).json()["id"])
    assert answer["engine"] == {"device": "none", "dtype": "bytes", "version": "7", "exact": True}
    assert answer["safety"] == "unchecked"
    assert "filtered" not in answer


async def test_an_answer_tells_what_was_filtered(caller_with: Any) -> None:
    """With the time that each phase took."""

    class Checked(Copy):
        async def render(self, params: Parameters, init: bytes, progress: Progress) -> Rendered:
            return Rendered([init] * 2, seeds_of(params), [False, True], {"steps": 1.23456})

    caller = caller_with(Checked())
    answer = await caller.outcome((await caller.submit(samples=2)).json()["id"])
    assert (answer["safety"], answer["filtered"]) == ("checked", [False, True])
    assert answer["timings"] == {"steps": 1.2346}


@pytest.mark.parametrize(("seeds", "filtered"), [([1], None), ([1, 2], [True]), ([1, 2, 3], None)])
def test_lists_of_different_lengths_are_no_result(seeds: list[int], filtered: list[bool] | None) -> None:
    """Else a picture would be told as another one."""
    with pytest.raises(ValueError, match="differ in length"):
        Rendered([b"a", b"b"], seeds, filtered)


async def test_progress_is_told_while_it_runs(caller_with: Any, model: Model) -> None:
    """Once there is some, and not with the end."""
    caller = caller_with(model)
    (job_id,) = await begun(caller, model)
    assert (await caller.status(job_id)).json() == {"status": "PENDING", "id": job_id}
    model.held[0][1](12, 30)
    assert (await caller.status(job_id)).json()["progress"] == {"step": 12, "steps": 30}
    model.end()
    assert "progress" not in await caller.outcome(job_id)


async def test_as_many_edits_meet_in_an_engine_as_there_are_places(caller_with: Any, model: Model) -> None:
    """However few cores the machine has: a model takes them in one batch."""
    caller = caller_with(model, capacity=40)
    ids = await begun(caller, model, 40)
    model.end()
    assert {(await caller.outcome(job_id))["status"] for job_id in ids} == {"SUCCESS"}


async def test_what_an_engine_cannot_do_is_refused_by_name(caller_with: Any, model: Model) -> None:
    """A 422 that names the loaded model, before anything is taken."""
    caller = caller_with(model)
    answer = await caller.submit(model_id="sdxl")
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert (problem["loc"], problem["msg"]) == (["body", "model_id"], "this endpoint has one model: sd1.5")
    assert (await caller.anyone.get("/")).json()["waiting"] == 0


async def test_what_another_engine_took_fails_in_its_words(caller_with: Any, model: Model, tmp_path: Path) -> None:
    """It was started again with another one."""
    job_id = (await caller_with(journal=tmp_path / "j").submit(model_id="other")).json()["id"]
    answer = await caller_with(model, journal=tmp_path / "j").outcome(job_id)
    assert answer == {"status": "FAILURE", "id": job_id, "error": "this endpoint has one model: sd1.5"}


async def test_the_stand_in_takes_any_model_and_a_refiner(caller_with: Any) -> None:
    """It has no use for either."""
    caller = caller_with(StandIn())
    assert (await caller.submit(model_id="sdxl", refiner=True)).status_code == 200


def let_time_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the loop's clock forward: whoever sleeps for less wakes up."""
    loop = asyncio.get_running_loop()
    before = loop.time
    monkeypatch.setattr(loop, "time", lambda: before() + seconds)


async def test_a_full_engine_asks_to_wait_and_fails_nothing(
    caller_with: Any, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken is asked again; a new submit is a 429 with whole seconds; a known one is still known."""
    caller = caller_with(model)
    caller.gate.opened.set()
    taken = (await caller.submit(key="k")).json()["id"]
    await until(lambda: model.held)
    model.end(EngineFullError(3599.5))
    await anyio.lowlevel.checkpoint()
    refused = await caller.submit()
    assert refused.status_code == 429
    assert 3500 <= int(refused.headers["Retry-After"]) <= 3600
    assert (await caller.submit(key="k")).json()["id"] == taken
    assert not model.held
    let_time_pass(monkeypatch, 3600)
    await until(lambda: model.held)
    assert (await caller.submit()).status_code == 200
    model.end()
    assert (await caller.outcome(taken))["status"] == "SUCCESS"


async def test_nothing_is_taken_while_the_engine_loads(caller_with: Any, model: Model, tmp_path: Path) -> None:
    """503 with the time to wait; what was taken before a restart is known, and waits."""
    taken = (await caller_with(journal=tmp_path / "j").submit()).json()["id"]
    caller = caller_with(model, starts=False, journal=tmp_path / "j")
    refused = await caller.submit()
    assert (refused.status_code, refused.json()["detail"]) == (503, "the engine is loading")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await caller.status(taken)).json()["status"] == "PENDING"
    health = await caller.anyone.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "loading")
    caller.gate.opened.set()
    await caller.endpoint.start()
    await until(lambda: model.held)
    assert (await caller.submit()).status_code == 200


async def test_health_names_the_engine_and_asks_for_no_key(caller: Caller) -> None:
    """With what it works on."""
    health = await caller.anyone.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ready")
    assert health.json()["engine"].items() >= {"name": "copy", "device": "none", "exact": True}.items()


async def test_an_engine_that_does_not_start_is_broken(caller_with: Any) -> None:
    """Its sentence is raised to whoever started it."""

    class Weightless(Copy):
        async def load(self) -> None:
            raise EngineError("there are no weights at /x")

    class Small(Copy):
        async def warm_up(self) -> None:
            raise EngineError("there are no weights at /x, and too little memory")

    for engine in (Weightless(), Small()):
        caller = caller_with(engine, starts=False)
        with pytest.raises(EngineError, match="no weights"):
            await caller.endpoint.start()
        assert (await caller.anyone.get("/healthz")).json()["status"] == "broken"


async def test_health_tells_that_the_engine_warms_up(caller_with: Any) -> None:
    """It is loaded then, and takes nothing yet."""
    seen: list[tuple[int, str]] = []

    class Cold(Copy):
        async def warm_up(self) -> None:
            health = await caller.anyone.get("/healthz")
            refused = await caller.submit()
            seen.extend(
                [(health.status_code, health.json()["status"]), (refused.status_code, refused.json()["detail"])]
            )

    caller = caller_with(Cold(), starts=False)
    await caller.endpoint.start()
    assert seen == [(503, "warming up"), (503, "the engine is warming up")]


async def test_an_edits_own_trouble_breaks_nothing(caller_with: Any, model: Model) -> None:
    """A picture that is none, and a fault of the engine that it does not call fatal."""
    caller = caller_with(model)
    for word, said in ((RenderError("nan"), "nan"), (ZeroDivisionError(), "internal error")):
        (job_id,) = await begun(caller, model)
        model.end(word)
        assert (await caller.outcome(job_id))["error"] == said
    assert (await caller.anyone.get("/healthz")).json()["status"] == "ready"


async def test_an_engine_that_breaks_with_nothing_in_hand_ends_too(caller_with: Any, model: Model) -> None:
    """Nobody who comes later takes the blame."""
    broke = asyncio.Event()

    async def until_broken() -> None:
        await broke.wait()
        raise EngineError("the GPU is gone")

    model.until_broken = until_broken  # type: ignore[method-assign]
    caller = caller_with(model)
    await begun(caller, model)
    broke.set()
    with pytest.raises(EngineError, match="the GPU is gone"), anyio.fail_after(10):
        await caller.endpoint.until_broken()
    assert (await caller.submit()).status_code == 503
    assert (await caller.anyone.get("/healthz")).json()["status"] == "broken"


async def test_what_an_engine_had_not_begun_at_its_end_is_done_after_a_restart(
    caller_with: Any, model: Model, tmp_path: Path
) -> None:
    """It is not failed: it waits for whoever takes this process's place."""
    caller = caller_with(model, journal=tmp_path / "j")
    (job_id,) = await begun(caller, model)
    model.end(EngineStoppedError("the engine was stopped"))
    await anyio.wait_all_tasks_blocked()
    assert (await caller.status(job_id)).json()["status"] == "PENDING"
    again = caller_with(journal=tmp_path / "j")
    assert (await again.outcome(job_id))["status"] == "SUCCESS"


async def test_sizes_take_turns_at_the_door(caller_with: Any, model: Model) -> None:
    """A thousand large pictures do not hold up a small one."""
    caller = caller_with(model, capacity=1)
    await begun(caller, model, width=768, height=768)
    for _ in range(3):
        await caller.submit(width=768, height=768)
    await caller.submit(width=64, height=64)
    widths = []
    for _ in range(5):
        await until(lambda: model.held)
        widths.append(model.held[0][0].width)
        model.end()
    assert widths == [768, 768, 64, 768, 768]


async def test_a_broken_engine_fails_what_it_holds_and_ends(caller_with: Any, model: Model, tmp_path: Path) -> None:
    """What it holds stays failed after a restart, since it may have broken it; what waits is done then."""
    caller = caller_with(model, capacity=2, journal=tmp_path / "j")
    held = await begun(caller, model, 2)
    waiting = (await caller.submit()).json()["id"]
    model.end(EngineError("the GPU is gone"))
    with pytest.raises(EngineError, match="the GPU is gone"), anyio.fail_after(10):
        await caller.endpoint.until_broken()
    for job_id in held:
        assert (await caller.outcome(job_id))["error"] == "the engine broke: the GPU is gone"
    assert (await caller.status(waiting)).json()["status"] == "PENDING"
    assert (await caller.submit()).status_code == 503
    assert (await caller.anyone.get("/healthz")).json()["status"] == "broken"
    again = caller_with(journal=tmp_path / "j")
    for job_id in held:
        assert (await again.outcome(job_id))["error"] == "the engine broke: the GPU is gone"
    assert (await again.outcome(waiting))["status"] == "SUCCESS"
