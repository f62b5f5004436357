"""Producers for locust: each sends one edit a request, evenly, and every edit is new.

``BENCH_TOKEN`` is their key, ``BENCH_PER_S`` how many requests a second each of them sends.
"""

from __future__ import annotations

import json
import os
import random
import time
from itertools import count

from locust import FastHttpUser, constant_throughput, task

HEADERS = {"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}", "Content-Type": "application/jsonl"}
PER_S = float(os.environ["BENCH_PER_S"])
numbers = count()


class Producer(FastHttpUser):
    """One of them. What one waits for its answer delays its own next request alone."""

    wait_time = constant_throughput(PER_S)

    def on_start(self) -> None:
        """Begin at a moment of its own: all are made at once, and would send at once for ever."""
        time.sleep(random.uniform(0, 1 / PER_S))

    @task
    def post(self) -> None:
        """Send an edit, which is a batch."""
        number = next(numbers)
        edit = {
            "custom_id": f"edit-{number}",
            "prompt": f"an oil painting of hills at sunset, study {number}",
            "init_image": "https://images.example.com/house.jpg",
            "seed": number,
        }
        self.client.post("/v1/batches", data=json.dumps(edit) + "\n", headers=HEADERS)
