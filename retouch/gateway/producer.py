"""What is decided about batches over HTTP: the part of ``retouch.ledger.Producer`` that a gateway offers."""

from __future__ import annotations

from typing import Any

from retouch.causes import BatchPause
from retouch.errors import InputError
from retouch.gateway.client import AbsentError, Client, understood
from retouch.gateway.jobs import GatewayJobs
from retouch.ledger.deciding import Deciding
from retouch.ledger.views import iso
from retouch.price import Budget

CHANGE_S = 600.0  # a batch may have a million edits


class GatewayProducer(Deciding):
    """Decides through a gateway; raises what ``Client`` raises."""

    def __init__(self, client: Client) -> None:
        super().__init__(GatewayJobs(client))
        self._client = client

    @understood()
    def pause(self, batch: str, _cause: BatchPause, _reason: str) -> bool:
        """Submit no more of the batch's edits. True if it was not paused; the reason names the key."""
        return bool(self._decide(batch, "pause")["changed"])

    @understood()
    def resume(self, batch: str, max_failures: str = "") -> bool:
        """Lift all pauses of the batch. True if it was paused; ``max_failures`` holds from now on, empty: none."""
        params = {"max_failures": max_failures} if max_failures else None
        return bool(self._decide(batch, "resume", params)["changed"])

    @understood()
    def pause_submits(self, _reason: str) -> bool:
        """Submit nothing more, of any batch. True if that is new; the reason names the key."""
        return bool(self._client.json("POST", "/v1/provider/pause")["changed"])

    @understood()
    def resume_submits(self) -> bool:
        """End the pauses of submits by a person and for refusals. True if there was one."""
        return bool(self._client.json("POST", "/v1/provider/resume")["changed"])

    @understood()
    def limit_failures(self, batch: str, max_failures: str) -> str:
        """Bind a batch to ``max_failures``; returns it. Raises InputError if it was given another."""
        return str(self._decide(batch, "limit", {"max_failures": max_failures})["max_failures"])

    @understood()
    def set_budget(self, batch: str, budget: Budget | None) -> bool:
        """Set what a batch may cost, None: any amount; raises InputError where that cannot be."""
        self._decide(batch, "budget", {"budget": str(budget) if budget else "none"})
        return True

    @understood()
    def seal(self, batch: str) -> bool:
        """Let the batch end as it is. True if it may end now, and might not before."""
        return bool(self._decide(batch, "seal")["changed"])

    @understood()
    def remove(self, batch: str, *, images: bool = False) -> tuple[int, int]:
        """Remove a batch that has ended; returns how many edits and objects are gone.

        Raises InputError if there is no such batch, or it has not ended.

        It is not repeated when its answer is lost: what is gone then cannot be told from what never was.
        """
        params = {"images": _said(True)} if images else None
        try:
            found = self._client.json("DELETE", f"/v1/batches/{batch}", params=params, answer_s=CHANGE_S, repeat=False)
        except AbsentError as error:
            raise InputError(str(error)) from None
        return int(found["edits"]), int(found["objects"])

    @understood()
    def redeliver(self, sink: str) -> int:
        """Have what was not delivered to a sink delivered again, now; returns how many events that are."""
        return int(self._of_sink("POST", sink, "/redeliver")["events"])

    @understood()
    def replay(self, sink: str, since_ms: int) -> int:
        """Have the events since then delivered to a sink again; returns how many that are."""
        asked = {"since": str(iso(since_ms))}
        return int(self._of_sink("POST", sink, "/replay", asked)["events"])

    @understood()
    def drop_sink(self, sink: str) -> bool:
        """Remove a sink with all that waits for it; raises InputError if a live worker has it."""
        return bool(self._of_sink("DELETE", sink, "")["changed"])

    def _of_sink(self, method: str, sink: str, action: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            return self._client.json(method, f"/v1/sinks/{sink}{action}", params=params, answer_s=CHANGE_S)
        except AbsentError as error:
            raise InputError(str(error)) from None

    def _decide(self, batch: str, name: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        return self._client.json("POST", f"/v1/batches/{batch}/{name}", params=params, answer_s=CHANGE_S)


def _said(yes: bool) -> str:
    return "true" if yes else "false"
