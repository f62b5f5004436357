"""An installation that has worked for hours, as the ledger keeps it: workers, the API, sinks, keys and money."""

from __future__ import annotations

import json
from math import sin
from random import Random

from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Heartbeat, Ledger, Named
from retouch.price import Budget, Price

GAP = range(130, 150)  # minutes ago in which no worker ran
PAUSED = range(55, 70)


def write_use(ledger: Ledger, *, minutes: int = 360) -> None:
    """All of it."""
    ledger.producer.set_price(Price.of_micros(10_000, "USD"))
    show_workers(ledger)
    connection = ledger.connection
    keys, client, now = connection.keys, connection._client, connection.now()
    client.delete(keys.samples)
    client.rpush(keys.samples, *_records(now // 60_000 * 60_000, minutes))
    counts = {
        **{
            "submit:200": 48_120,
            "submit:429": 210,
            "submit:503": 34,
            "submit:none": 3,
            "submit:400": 12,
            "taken": 48_120,
        },
        **{"status:200": 121_400, "status:502": 18, "unanswered": 3, "duplicates": 1},
        **{"money:spent": 481_200_000, "money:committed": 160_000, "money:doubtful": 30_000},
        **{f"took:submit:{n}": count for n, count in enumerate((0, 0, 40, 900, 21_000, 24_000, 2_200, 190, 40, 6))},
        **{"took:submit:ms": 6_100_000, "took:status:2": 120_000, "took:status:3": 1_418, "took:status:ms": 1_900_000},
    }
    client.hset(keys.counts, mapping=counts)
    client.hset(
        keys.state,
        mapping={"places": 16, "allowed": 20, "refusal": "width 9000 is too large", "refused_at": now - 400_000},
    )
    for number, (kind, middle) in enumerate((("sd1.5:8:37", 27), ("sdxl:10:40", 38))):
        client.zadd(keys.kinds, {kind: number})
        client.hset(
            keys.learned(kind), mapping={n: 90 / (1 + (n - middle) ** 2) for n in range(middle - 6, middle + 9)}
        )
    client.delete(keys.sampling)  # what was written here has not come about in this minute


def show_workers(ledger: Ledger) -> None:
    """Two live ones that differ in a setting, each with sinks."""
    for number, (host, version, lease) in enumerate((("render-1", "0.2.0", "8.0"), ("render-2", "0.2.1", "30.0"))):
        sinks = {
            "orders": Named("hooks.example.com"),
            "audit": Named("retouch-audit (SQS)", ["edit.failed", "batch.completed"]),
        }
        settings = {"RETOUCH_LEASE": lease, "RETOUCH_RATE_LIMIT": "600/m", "RETOUCH_MAX_IN_FLIGHT": "20"}
        others = {
            "RETOUCH_API_IDEMPOTENT": "False",
            "RETOUCH_API_KEY": "is set, and not shown",
            "RETOUCH_POLL_MIN": "0.25",
            "RETOUCH_POLL_MAX": "10" if number else "5",
            "RETOUCH_PRIVATE_HOSTS": "",
            "RETOUCH_REDIS_URL": "rediss://redis.studio.internal:6380/0",
        }
        says = Heartbeat(f"{ledger.connection.now()}-{number}", host, version, 9 + number, {}, others)
        ledger.worker.see_worker(f"{host}-{4100 + number}", sinks, settings, says=says)


def write_sinks(ledger: Ledger) -> None:
    """One of the two takes nothing now; a third has no worker any more, and something waits for it."""
    keys, client, now = ledger.connection.keys, ledger.connection._client, ledger.connection.now()
    told = {"orders": {"delivered": 48_020}, "audit": {"delivered": 911}}
    told["audit"]["held"] = {"reason": "it answered 503", "since": now - 600_000, "until": now + 60_000}  # type: ignore[assignment]
    for name, more in told.items():
        client.hset(keys.sinks, name, json.dumps(json.loads(client.hget(keys.sinks, name)) | more))
    client.zadd(keys.undelivered("audit"), {f"audit/{now}-{n}": now for n in range(4)})
    client.zadd(keys.outbox("audit"), {f"audit/{now}-{n}": now for n in range(9)})
    old = {"seen": now - 7_200_000, "shown": "old.example.com", "types": "", "delivered": 77}
    client.hset(keys.sinks, "old-hook", json.dumps(old))
    client.zadd(keys.outbox("old-hook"), {f"old-hook/{now}-1": now})


def write_keys(ledger: Ledger) -> None:
    """Two more than whoever looks has."""
    keys = AccessKeys(ledger, "here")
    keys.create("nightly", [Scope.SUBMIT, Scope.READ], prefix="nightly-")
    keys.create("prometheus", [Scope.METRICS], rate="10/m")


def write_budgets(ledger: Ledger, *batches: str) -> None:
    """These have a budget, and have spent some of it; the last days have cost something."""
    keys, client = ledger.connection.keys, ledger.connection._client
    for number, batch in enumerate(batches, 1):
        ledger.producer.set_budget(batch, Budget.parse(f"{40 * number} USD"))
        client.hset(
            keys.batch(batch),
            mapping={"spent": 9_870_000 * number, "committed": 160_000, "doubtful": 30_000, "currency": "USD"},
        )
    for day in ledger.reader.days(12):
        client.hset(
            keys.money(day.day.isoformat()),
            mapping={"spent": 31_000_000 + 900_000 * (day.day.day % 7), "doubtful": 10_000 * (day.day.day % 3)},
        )


def _records(minute: int, minutes: int) -> list[str]:
    random, found = Random(3), []
    for ago in range(minutes, 0, -1):
        if ago in GAP:
            continue
        paused = 30 if ago in PAUSED else 0
        busy = 0 if paused else 12 + 6 * sin(ago / 25) + random.random() * 3
        submits, polls = round(busy * 12), round(busy * 31)
        troubles = [
            random.choice((0, 0, 0, 2, 5)),
            random.choice((0, 0, 1)),
            14 if 70 <= ago < 74 else 0,
            int(ago == 72),
        ]
        sums = [submits, *troubles, polls, 0, 0, troubles[2] * 2, 0, troubles[3], submits, troubles[1], 0]
        took = [
            submits,
            round(submits * (120 + 60 * random.random())),
            polls,
            round(polls * (14 + 6 * random.random())),
        ]
        places = [30, round(busy * 30), round(busy) + 1, 20, paused]
        found.append(" ".join(map(str, [minute - ago * 60_000, *places, *sums, *took])))
    return found
