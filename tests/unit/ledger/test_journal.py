"""How a journal is read, and what of an API's words is in it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retouch.ledger.history import HistoryStep, history
from retouch.ledger.journal import Mark
from retouch.records.edits import StepRecord
from retouch.wording import gist

NAMES = {"w1": "1", "HTTP 503": "2", "submit:outage": "3", "deadline": "11", "refused no cats: please": "6"}
AT = "Emwyjxzu2"  # of a first entry


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("S1jk.2:1", "sent to the API by w1 (submit 2)"),
        ("S1jk.1:", "sent to the API by a worker"),
        ("W1jk:3~5s", "waited 0.208 s: submits were paused (outage)"),
        ("P1jk", "polled: not finished yet"),
        ("P1jk*e", "polled 14 times: not finished yet"),
        ("B1jk.sr:2~rs*2", "the API refused it: HTTP 503; again in 1 s, 2 times"),
        ("B1jk.st:2", "the API asked to wait: HTTP 503"),
        ("B1jk.ss:2", "no good answer to the submit (the API may have taken it): HTTP 503"),
        ("B1jk.sa:2", "the API answered: HTTP 503"),
        ("B1jk.su:2", "no connection to the API: HTTP 503"),
        ("B1jk.pr:2", "the API refused to say how it stands: HTTP 503"),
        ("B1jk.ps:2", "no good answer of the API: HTTP 503"),
        ("B1jk.ff:2", "its images were not fetched: HTTP 503"),
        ("B1jk.of:2", "its images were not stored: HTTP 503"),
        ("B1jk.zz:2", "trouble: HTTP 503"),
        ("Q1jk", "not sent"),
        ("N1jk", "the API has it no longer: it is sent anew"),
        ("H1jk", "held: it was sent and not answered, and waits for a person's decision"),
        ("A1jk", "retried by a person: the API is asked for the result that it had"),
        ("X1jk", "retried by a person: back in the queue, to be sent anew"),
        ("A1jk:1", "retried by w1: the API is asked for the result that it had"),
        ("X1jk:1", "retried by w1: back in the queue, to be sent anew"),
        ("F1jk:b", "failed (deadline)"),
        ("F1jk:6", "failed (refused: no cats: please)"),
        ("F1jk", "failed"),
        ("C1jk", "cancelled"),
        ("O1jk", "2,000 steps not kept: the history of one edit is bounded"),
        ("Z1jk.x:2", "Z (of a newer version): HTTP 503"),
    ],
)
def test_every_step_is_a_plain_sentence(entry: str, text: str) -> None:
    """Whatever a newer program writes is told as that."""
    enqueued, step = history(AT + entry, NAMES)
    assert step.text == text
    assert enqueued.text == "enqueued"
    assert HistoryStep.from_json(step.to_json()) == step


def test_times_count_from_the_first_entry() -> None:
    """Of steps that were left out only the number is known: they are told at the time of the step before."""
    steps = history(f"{AT}S1jk.1:1O5Bz0.ss:2~rsD1000", NAMES)
    begun = datetime.fromtimestamp(int("mwyjxzu2", 36) / 1000, UTC)
    since = [round((step.at - begun).total_seconds() * 1000) for step in steps]
    assert since == [0, 2000, 2000, 1260, 46656]


def test_every_mark_is_told() -> None:
    """None falls through to the words for what is unknown."""
    for mark in Mark:
        [step] = history(f"{mark}mwyjxzu2", {})
        assert "newer" not in step.text


def test_a_step_has_every_field() -> None:
    """Also those that say nothing, so that a program need not ask whether they are there."""
    [step] = history(AT, {})
    assert set(step.to_json()) == set(StepRecord.__annotations__)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("HTTP 503", "HTTP 503"),
        ("Overloaded, retry in 30 s", "Overloaded, retry in … s"),
        ("no model 'sesame' at https://a.test/v1?key=sesame", "no model … at …"),
        ('key "sesame" of s3://bucket/secret.png', "key … of …"),
        ("job 0c9b8f0e-6c0f-4e2c-9f6e-3d9a4f3c2a11 is gone", "job … is gone"),
        ("token tok3n1sesame", "token …"),
        ("a\n b", "a b"),
        ("x" * 300, "x" * 100),
    ],
)
def test_the_gist_of_words_has_no_particulars(words: str, kept: str) -> None:
    """Nor a secret: links, quoted text and what has digits are left out; the status of an answer is kept."""
    assert gist(words) == kept
