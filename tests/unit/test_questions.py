"""What users asked, and where it is answered: two clicks from the README at most."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.pages import anchors, links
from workers.stack.child import ROOT

# Where each is answered; if it has two parts, in two places.
ANSWERS = {
    # an artist
    "Which fields are there, with which ranges and defaults?": "docs/fields.md#all-fields",
    "How do I make a batch of a folder of photos?": "docs/folders.md#a-folder-of-pictures",
    "How do I get my pictures out of S3 onto my disk?": "docs/results-and-events.md#pictures",
    "How do I compare them with the originals?": "docs/results-and-events.md#pictures",
    "What does a batch cost?": "docs/getting-started.md#what-1000-edits-cost-and-how-long-they-take",
    "Who gives me a key of the API, and what do they charge?": "docs/getting-started.md#the-api",
    "How do I get from the stand-in to the real API?": "docs/getting-started.md#how-local-pictures-reach-the-api",
    "How do I do an edit again with another seed?": "docs/folders.md#do-edits-again",
    "How do I get twenty seeds of a picture, or a grid?": "docs/folders.md#variations",
    "What does the size of my picture do?": "docs/fields.md#the-size-of-a-result",
    "Is the seed recorded if I gave none?": "docs/fields.md#seeds",
    "Which CSV does it take?": "docs/manifests.md#tables",
    "Does it work on Windows and macOS?": "docs/getting-started.md#windows-and-intel-macs",
    "How long will it take?": "docs/getting-started.md#what-1000-edits-cost-and-how-long-they-take",
    "Can I close the laptop?": "docs/getting-started.md#can-i-close-the-laptop",
    # a data engineer
    "How is it installed?": "docs/getting-started.md#install",
    "Which methods, parameters and errors has EditQueue?": "docs/api.md#editqueue",
    "What is the schema of what is printed?": "docs/results-and-events.md#schemas-what---json-prints",
    "What happens if I add to a batch that has ended?": (
        "docs/results-and-events.md#add-edits-to-a-batch-that-has-ended"
    ),
    "Redis with a password, TLS, Sentinels, a cluster?": (
        "docs/redis.md#the-address-of-redis docs/redis.md#which-set-ups"
    ),
    "Can I enqueue without access to Redis?": "docs/producers.md#what-a-producer-needs",
    "Can an object in S3 make an edit, and events go to SQS?": (
        "docs/triggers.md#a-recipe docs/results-and-events.md#to-sqs-sns-eventbridge-or-kafka"
    ),
    "What does a task of Airflow look like?": "docs/orchestrators/airflow.md#our-operator",
    "How do results get into pandas and Parquet?": "docs/results-and-events.md#pandas-and-parquet",
    "Can two teams share a deployment?": "docs/producers.md#two-teams-in-one-deployment",
    "What may a batch id and a custom_id be?": "docs/fields.md#ids",
    "How many attempts does an edit get?": "docs/reliability.md#how-often-is-an-edit-tried",
    "How do I enqueue local pictures from Python?": "docs/producers.md#a-notebook-with-pandas",
    "How do I verify a webhook?": "docs/results-and-events.md#receive-a-webhook",
    # an operator
    "Which version of Redis, and how much memory?": (
        "docs/redis.md#redis-and-valkey-versions docs/redis.md#memory-of-redis"
    ),
    "How many workers, and which flags of Celery?": "docs/operations.md#workers",
    "Metrics, dashboards, alerts?": "docs/operations.md#alerts-and-metrics",
    "What is in the logs, and how is their level set?": "docs/logs.md#fields docs/logs.md#the-level-of-the-log",
    "May old and new workers run together?": "docs/upgrading.md#a-rolling-upgrade-within-one-schema",
    "Backup, and Redis that is lost for good?": (
        "docs/redis.md#backup-and-restore docs/redis.md#when-redis-is-lost-for-good"
    ),
    "How do I change the key of the API?": "docs/operations.md#replace-a-key-or-a-password",
    "How do I pause, drain, limit and purge?": "docs/operations.md#drain-pause-limit-purge",
    "Secrets as files, and Kubernetes?": "docs/compose.md#secrets-as-files docs/compose.md#kubernetes",
    "Which permissions does the bucket need?": "docs/getting-started.md#the-buckets-policies",
    "Which hosts and ports are called?": "docs/operations.md#network",
    "By which figure do I scale workers?": "docs/operations.md#autoscaling",
    "What was spent in a day?": "docs/operations.md#costs",
    "Two workers with different settings: who wins?": "docs/operations.md#settings-that-differ-between-workers",
}
README = ROOT / "README.md"


def linked(page: Path) -> set[Path]:
    """What a page leads to."""
    found = {Path(os.path.normpath(page.parent / path)) for path, _ in links(page.read_text()) if path}
    return {path for path in found if path.suffix == ".md" and path.is_file()}


def within_two_clicks() -> set[Path]:
    """The README, the pages that it links, and those that they link."""
    first = linked(README)
    return {README, *first}.union(*map(linked, first))


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_is_answered_within_two_clicks(question: str) -> None:
    """Under a heading of a page that the README links, or that one of those pages links."""
    for answer in ANSWERS[question].split():
        name, _, anchor = answer.partition("#")
        assert ROOT / name in within_two_clicks()
        assert anchor in anchors((ROOT / name).read_text())


def test_there_are_43_questions() -> None:
    """None was lost."""
    assert len(ANSWERS) == 43
