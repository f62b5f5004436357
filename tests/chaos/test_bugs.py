"""Planted bugs are planted: one whose place is gone would stop its worker, and pass for a bug that was caught."""

from __future__ import annotations

import sys

from tests.harness.processes import run

PLANT_EACH = """
import os
from tests.chaos.bugs import BUGS, OF_JOBS, OF_METRICS, OF_RECEIVERS, plant
for bug in BUGS | OF_RECEIVERS | OF_METRICS | OF_JOBS:
    child = os.fork()
    if not child:
        plant(bug)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(bug)
"""


PLANT_THOSE_OF_GATEWAYS = """
from tests.chaos.bugs_of_gateways import BUGS, plant
for bug in BUGS:
    plant(bug)
"""


def test_every_bug_of_a_gateway_has_its_place() -> None:
    """What it patches exists."""
    ended = run([sys.executable, "-c", PLANT_THOSE_OF_GATEWAYS])
    assert ended.code == 0, ended.err


def test_every_bug_has_its_place() -> None:
    """What it patches exists, in Python and in the ledger's moves."""
    ended = run([sys.executable, "-c", PLANT_EACH])
    assert (ended.code, ended.out) == (0, ""), ended.err
