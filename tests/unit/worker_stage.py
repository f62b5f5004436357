"""One composed worker for the tests: the real ledger and runtime, with everything outside of them scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import fakeredis

from config.settings import Settings
from retouch.causes import Fared
from retouch.ledger import Claim, Entry, Named, Seen, Step
from tasks.announce import announce_chunk
from tasks.finish import finish_chunk
from tasks.poll import poll_chunk
from tasks.submit import submit_chunk
from tests.harness.waiting import LIMIT_S
from tests.ledger_bench import LEASE_MS, Bench, Clock
from tests.unit.outside import Api, Results, Store, Webhook
from workers.composition import compose
from workers.poll_times import PollTimes
from workers.sinks import Sinks

SECRET = "whsec_" + "A" * 40
DEADLINE_S = 60.0
ASKED_MS = 1000  # until an edit is looked at again that waits for an answer to somebody
STARTS = {Step.SUBMIT: submit_chunk, Step.POLL: poll_chunk, Step.ANNOUNCE: announce_chunk, Step.FINISH: finish_chunk}
COUNTS = ("tries", "strikes", "polls", "unanswered", "submits", "rescues")


class Clients:
    """The outside: each part answers as it was told."""

    def __init__(self) -> None:
        self.api, self.results, self.store, self.webhook = Api(), Results(), Store(), Webhook()


class Measured:
    """Measured time that goes on with the ledger's clock, and not by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.now / 1000


class Gate(asyncio.Event):
    """Whether the dispatcher may begin; counts how often it asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return super().is_set()


class Worker(Bench):
    """A bench with a worker at it. ``settings`` replace the worker's own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(fakeredis.FakeRedis(decode_responses=True))
        own: dict[str, Any] = {"api_key": "key", "bucket": "bucket", "deadline": DEADLINE_S, "lease": LEASE_MS / 1000}
        self.messages: list[tuple[Step, list[Claim]]] = []
        self.waiting_messages = self.looks = 0
        self.gate = Gate()
        self.send_errors: list[Exception] = []
        self.outside = Clients()
        self.settings = Settings(**own | settings)
        self.sinks = {name: Named(one.shown, one.types) for name, one in self.settings.all_sinks.items()}
        clients: Any = self.outside
        clients.sinks = Sinks(self.settings, lambda: self.outside.webhook)
        self.runtime = compose(self.settings, self.ledger, clients, self._send, self._backlog)
        self.context = self.runtime.context
        self.dispatcher = self.runtime.dispatcher

    @property
    def api(self) -> Api:
        return self.outside.api

    @property
    def poll_times(self) -> PollTimes:
        return self.context.poll_times

    def close(self) -> None:
        """Free what the runtime was made with."""
        self.runtime._loop.close()
        self.runtime.pause_news.close()
        self.context.call.close()

    # --- work ------------------------------------------------------------------------------------

    def do(self, claims: Sequence[Claim]) -> None:
        """Work on claims of one step."""
        asyncio.run(STARTS[claims[0].step](self.context, claims))

    def do_twice(self, claims: Sequence[Claim]) -> None:
        """Work on the same claims twice at once, as when their message is delivered twice."""

        async def both() -> None:
            step = STARTS[claims[0].step]
            await asyncio.gather(step(self.context, claims), step(self.context, claims))

        asyncio.run(both())

    def enqueue(self, parameters: Mapping[str, Any] | None = None, *, samples: int = 1, batch: str = "b") -> None:
        """Enqueue the edit c0 with an image of the web and seal its batch."""
        whole = {"model_id": "sd1.5", "prompt": "p", "init_image": "https://images.test/a.png", "samples": samples}
        self.ledger.producer.open_batch(batch)
        self.ledger.producer.enqueue(
            batch, [Entry("c0", "digest", json.dumps(whole | dict(parameters or {})), samples, None)]
        )
        self.ledger.producer.seal(batch)

    def one(self, step: Step) -> Claim:
        """The one claim of a step that is due now; if the API is asked whether it is there, it is."""
        harvest = self.claim(policy=self.settings.ambiguity_policy)
        if harvest.ask_at is not None and not harvest.claims:
            self.ledger.worker.observe(seen=[Seen("status", self.clock.now, Fared.ANSWERED, "it answers")])
            self.later(ASKED_MS)
            harvest = self.claim(policy=self.settings.ambiguity_policy)
        [claim] = [c for c in harvest.claims if c.step is step]
        return claim

    def submit(self, outcome: Any) -> Claim:
        """Submit what is due; the API answers so."""
        self.api.will(outcome)
        claim = self.one(Step.SUBMIT)
        self.do([claim])
        return claim

    def poll(self, outcome: Any) -> Claim:
        """Poll what is due; the API answers so."""
        self.api.will(outcome)
        claim = self.one(Step.POLL)
        self.do([claim])
        return claim

    def pass_by(self, claim: Claim) -> None:
        """Let another worker take the claim: this one's lease runs out, and the other's claim is newer."""
        self.client.hincrby(self.keys.edit(claim.member), "fence", 1)

    def run_out(self, claim: Claim) -> None:
        """Let the worker see that its lease is over, as one does that was stopped for long."""
        self.context.leases.renewed([claim], [claim.member], 0)

    def fill_up(self, *, but: int, deliveries: bool = False) -> None:
        """Let the worker have so much in hand that only ``but`` more find room."""
        room = self.runtime.deliveries[next(iter(self.sinks))] if deliveries else self.runtime.edits
        room.enter(room.free - but, wait=False)

    # --- what has come of it ---------------------------------------------------------------------

    def seen(self, batch: str = "b") -> dict[str, Any]:
        """Where the edit c0 stands: what is 0, empty or absent is left out. ``due``: ms from now."""
        member = f"{batch}/c0"
        raw = self.client.hgetall(self.keys.edit(member))
        due = self.client.zscore(self.keys.due, member)
        result = json.loads(self.client.hget(self.keys.results(batch), "c0") or "{}")
        found = {
            "state": raw["state"],
            "due": None if due is None else int(due) - self.clock.now,
            **{name: int(raw.get(name, 0)) for name in COUNTS},
            "note": raw.get("note"),
            "duplicate": "duplicate" in raw,
            "error": (result.get("error") or {}).get("code"),
            "images": len(result.get("outputs", [])),
            "pauses": self.probes(),
            "troubles": self.ledger.reader.provider().troubles,
        }
        return {name: value for name, value in found.items() if value or (name == "due" and value is not None)}

    def open_claims(self) -> list[Claim]:
        """The claims that the worker still has in hand."""
        return self.context.leases.open()

    def holds(self, claim: Claim) -> bool:
        """Tell whether the worker is sure of its lease."""
        return self.context.leases.holds(claim)

    def knows_of(self) -> set[str]:
        """The pauses that the worker knows of."""
        return set(self.context.pauses.in_force)

    def put_pause(self, name: str, **fields: Any) -> None:
        """Let requests pause since now, with a probe that is due; ``fields``: more of the pause, or other values."""
        now = self.clock.now
        pause = {"reason": "before", "since": now, "touched": now, "until": now, "every": 1000}
        pause |= {"ends": now} if name.endswith("throttled") else {}
        self.client.hset(self.keys.pauses, name, json.dumps(pause | fields))

    def probes(self) -> dict[str, int]:
        """Pause → ms until the first probe; 0 where there is none."""
        until = {p.name: p.next_probe for p in self.ledger.reader.pauses()}
        return {name: round(at.timestamp() * 1000) - self.clock.now if at else 0 for name, at in until.items()}

    def ended(self, batch: str = "b") -> str:
        """The state of the batch."""
        return str(self.client.hget(self.keys.batch(batch), "state"))

    # --- its services ------------------------------------------------------------------------------

    def look_after_the_store(self, until: Callable[[], bool]) -> None:
        """Let the worker check the store until something is so, at most some seconds."""
        self._serve(self.context.store_watch.run, until)

    def show_itself(self, until: Callable[[], bool]) -> None:
        """Let the worker send heartbeats until something is so, at most some seconds."""
        upgraded = asyncio.Event()
        upgraded.set()
        self._serve(lambda: self.runtime.presence.run(upgraded), until)

    def pass_news(self, until: Callable[[], bool]) -> None:
        """Let the worker hear of pauses until something is so, at most some seconds."""
        self._serve(lambda: self.runtime.pause_news.run(self.context.pauses.hear), until)

    def _serve(self, service: Callable[[], Coroutine[Any, Any, None]], until: Callable[[], bool]) -> None:
        async def run() -> None:
            running = asyncio.create_task(service())
            try:
                await _turn(until, running)
            finally:
                running.cancel()
            if running.done():
                running.result()

        asyncio.run(run())

    def _send(self, step: Step, claims: Sequence[Claim]) -> None:
        if self.send_errors:
            raise self.send_errors.pop(0)
        self.messages.append((step, list(claims)))

    def _backlog(self) -> int:
        self.looks += 1
        return self.waiting_messages

    def sent(self) -> list[Claim]:
        """All claims of all messages."""
        return [claim for _, claims in self.messages for claim in claims]

    def dispatch(self, until: Callable[[], bool], *, may_begin: bool = True, can_store: bool = True) -> None:
        """Run the dispatcher until something is so, at most some seconds."""

        async def run() -> None:
            if may_begin:
                self.gate.set()
            if can_store:
                self.context.store_watch.succeeded()
            running = asyncio.create_task(self.dispatcher.run(self.gate))
            await _turn(until, running)
            self.dispatcher.end()
            await running

        asyncio.run(run())


async def _turn(until: Callable[[], bool], running: asyncio.Task[None]) -> None:
    """Let the loop turn until something is so, or the task has ended."""
    async with asyncio.timeout(LIMIT_S):
        while not until():
            await asyncio.sleep(0.001)  # not 0: that would take the interpreter's lock from the ledger's threads
            if running.done():
                break
