"""Trouble of the API in realistic shares: every fault that the endpoint knows, a little of each."""

from __future__ import annotations

from tests.harness.growing import Record

AT_SUBMIT: tuple[Record, ...] = (
    {"fault": "throttle", "retry_after": 0.2, "probability": 0.02},
    {"fault": "status", "status": 503, "probability": 0.02},
    {"fault": "status", "status": 401, "probability": 0.002},
    {"fault": "status", "status": 502, "probability": 0.01},
    {"fault": "status", "status": 422, "probability": 0.01},
    {"fault": "drop_before_accept", "probability": 0.01},
    {"fault": "drop_after_accept", "probability": 0.02},
    {"fault": "garbage", "probability": 0.01},
    {"fault": "status_after_accept", "status": 500, "probability": 0.01},
    {"fault": "in_progress", "seconds": 1},
    {"fault": "page", "status": 404, "probability": 0.005},
    {"fault": "hang", "seconds": 0.7, "probability": 0.2},
    {"fault": "failure", "probability": 0.03},
    {"fault": "lost_id", "probability": 0.005},
    {"fault": "fewer_urls", "probability": 0.002},  # a minute until it ends
    {"fault": "no_urls", "probability": 0.002},
    {"fault": "instant", "probability": 0.1},
    {"fault": "accepted_202", "probability": 0.1},
)
AT_POLL: tuple[Record, ...] = (
    {"fault": "drop_poll", "probability": 0.02},
    {"fault": "hang_poll", "seconds": 0.7, "probability": 0.1},
    {"fault": "throttle_poll", "retry_after": 0.2, "probability": 0.02},
    {"fault": "status_poll", "status": 500, "probability": 0.03},
    {"fault": "garbage_poll", "probability": 0.02},
    {"fault": "odd_status", "probability": 0.1},
    {"fault": "page_poll", "status": 404, "probability": 0.01},
    {"fault": "late_urls", "keep": 0, "probability": 0.03},
)
AT_RESULT: tuple[Record, ...] = (
    {"fault": "hang_result", "seconds": 0.5, "probability": 0.1},
    {"fault": "status_result", "status": 500, "probability": 0.03},
    {"fault": "expired_url", "probability": 0.03},
    {"fault": "truncated", "probability": 0.02},
    {"fault": "truncated", "variant": "short", "probability": 0.02},
    {"fault": "html", "probability": 0.01},
    {"fault": "wrong_type", "probability": 0.05},
    {"fault": "oversized", "probability": 0.002},
    {"fault": "redirect", "probability": 0.01},
)
MIXED = (*AT_SUBMIT, *AT_POLL, *AT_RESULT)
# Enough variety to come to every boundary, and little that takes time.
BRISK = (
    {"fault": "throttle", "retry_after": 0.1, "probability": 0.03},
    {"fault": "status", "status": 503, "probability": 0.06},
    {"fault": "drop_after_accept", "probability": 0.04},
    {"fault": "failure", "probability": 0.08},
    {"fault": "instant", "probability": 0.1},
    {"fault": "hang", "seconds": 0.2, "probability": 0.2},
    {"fault": "truncated", "probability": 0.05},
    {"fault": "expired_url", "probability": 0.05},
)
