"""A day's edits as a task of Prefect: python prefect_restyle.py 2026-01-31."""

from __future__ import annotations

import sys

from prefect import flow, task
from prefect.cache_policies import INPUTS

from retouch import EditQueue

NAMES = ("cat", "dog", "fox", "owl")


@task(retries=3, retry_delay_seconds=60, cache_policy=INPUTS, persist_result=True)
def restyle(day: str) -> list[str]:
    """Enqueue the edits and wait; a try finds the batch of the one before, and once it succeeded there is none."""
    batch = f"restyle-{day}"
    edits = [
        {
            "custom_id": name,
            "prompt": f"a watercolour of a {name}, {day}",
            "init_image": f"https://example.com/{name}.png",
        }
        for name in NAMES
    ]
    with EditQueue.from_env() as queue:
        queue.enqueue(edits, batch=batch)
        queue.wait(batch, timeout_s=6 * 3600)
        return [output.uri for result in queue.results(batch) for output in result.outputs]


@flow(log_prints=True)
def nightly(day: str) -> None:
    """The task, and a decision about what has failed."""
    made = restyle(day)
    print(f"{len(made)} of {len(NAMES)} pictures: {made}")
    if len(made) < 0.99 * len(NAMES):
        raise RuntimeError(f"too few pictures: retouch results restyle-{day} --only failed")


if __name__ == "__main__":
    nightly(sys.argv[1])
