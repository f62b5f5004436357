"""What is measured, and what stands beside it to tell what its checks and its guarantees cost."""

from __future__ import annotations

GATEWAY = "Retouch's gateway"
ALWAYS = "the same, appendfsync always"  # of the server, which is on disk at once then
BARE = "FastAPI and RPUSH"  # of the same lines, which nobody looks at
LOOP = "redis-py alone"  # the same from a loop, without HTTP

WORKER = "a worker"
AIOHTTP = "aiohttp alone"  # the same deliveries from a loop

NO_SINK, QUICK_SINK, BAD_SINKS = "no sink", "a quick sink", "a dead and a slow sink"

STREAMS, POLLS = "server-sent events", "a request a second"
