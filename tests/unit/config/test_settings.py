"""Settings: what the environment may say, and how a mistake is told."""

from __future__ import annotations

import re
import sys

import pytest

from config.settings import load
from retouch.causes import AmbiguityPolicy
from retouch.errors import InputError
from retouch.ledger import Policy
from retouch.provider.dialects.imagepipeline import DEFAULT_URL

SECRET = "whsec_" + "cGxhbnRlZCB3ZWJob29rIHNlY3JldCBvZiBhIHRlc3Q="


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with the least that a worker needs."""
    monkeypatch.setenv("RETOUCH_API_KEY", "planted-key")
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    return monkeypatch


def test_the_defaults_are_those_that_are_documented(environment: pytest.MonkeyPatch) -> None:
    """Key and bucket given, everything else has the value that the design promises."""
    settings = load()
    assert (settings.api_url, settings.redis_url) == (DEFAULT_URL, "redis://localhost:6379/0")
    assert (settings.max_in_flight, settings.lease, settings.deadline) == (16, 4, 1800)
    assert (settings.on_ambiguous, settings.api_idempotent, settings.prefix) == ("resubmit", False, "")
    assert (settings.webhook_url, settings.all_sinks, settings.private_hosts) == (None, {}, "")


def test_an_empty_variable_counts_as_unset(environment: pytest.MonkeyPatch) -> None:
    """``RETOUCH_LEASE=`` in a compose file means the default, not a mistake."""
    environment.setenv("RETOUCH_LEASE", "")
    environment.setenv("RETOUCH_WEBHOOK_URL", "")
    assert load().lease == 4


def test_an_api_that_honours_keys_overrides_the_policy(environment: pytest.MonkeyPatch) -> None:
    """With ``RETOUCH_API_IDEMPOTENT`` an ambiguous edit is re-sent under its key, whatever else is set."""
    environment.setenv("RETOUCH_ON_AMBIGUOUS", "hold")
    assert load().ambiguity_policy == "hold"
    environment.setenv("RETOUCH_API_IDEMPOTENT", "true")
    assert load().ambiguity_policy == "idempotent"


def test_a_webhook_is_a_sink(environment: pytest.MonkeyPatch) -> None:
    """A URL with its secret makes the sink that the ledger is told of, and a slash at the end is no other URL."""
    environment.setenv("RETOUCH_WEBHOOK_URL", "https://example.com/hook/")
    environment.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    settings = load()
    [(name, sink)] = settings.all_sinks.items()
    assert (name, sink.shown, sink.types, sink.target) == ("webhook", "example.com", (), "https://example.com/hook/")
    assert settings.webhook_url == "https://example.com/hook/"


def test_more_sinks_stand_beside_the_webhook(environment: pytest.MonkeyPatch) -> None:
    """Each by its name; workers must mean the same target by one, without showing it."""
    environment.setenv("RETOUCH_WEBHOOK_URL", "https://example.com/hook")
    environment.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    environment.setenv("RETOUCH_SINKS", "https://other.example/planted?name=shop&types=edit.failed")
    settings = load()
    assert list(settings.all_sinks) == ["webhook", "shop"]
    assert re.fullmatch(r"other\.example \([0-9a-f]{6}\)", settings.alike["the sink shop"])
    assert "planted" not in f"{settings!r}{settings.alike}"


def test_a_wrong_sink_is_refused_by_its_variable(environment: pytest.MonkeyPatch) -> None:
    """In one sentence, without the URL."""
    environment.setenv("RETOUCH_SINKS", "ftp://planted.example/planted")
    with pytest.raises(InputError, match=r"^RETOUCH_SINKS its URL number 1 is of no kind that there is") as caught:
        load()
    assert "planted" not in str(caught.value)


def test_a_webhook_among_the_sinks_is_signed_too(environment: pytest.MonkeyPatch) -> None:
    """Without the secret the worker does not start; AWS needs none."""
    environment.setenv("RETOUCH_SINKS", "sns:arn:aws:sns:eu-central-1:123456789012:a")
    load()
    environment.setenv("RETOUCH_SINKS", "https://example.com/hook")
    with pytest.raises(InputError, match="RETOUCH_WEBHOOK_SECRET is missing: RETOUCH_SINKS has a webhook"):
        load()


def test_secrets_are_known_and_not_shown(environment: pytest.MonkeyPatch) -> None:
    """``repr`` and ``str`` hide what ``secrets`` names, so that the log can be searched for it."""
    environment.setenv("RETOUCH_WEBHOOK_URL", "https://example.com/hook")
    environment.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    settings = load()
    assert set(settings.secrets) >= {"planted-key", SECRET}
    hidden = (*settings.secrets, "example.com/hook")  # the path of a webhook is a secret with some receivers
    assert not any(secret in text for secret in hidden for text in (repr(settings), str(settings)))


def test_a_password_in_the_redis_url_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    """The Redis password stays out of ``repr``."""
    environment.setenv("RETOUCH_REDIS_URL", "redis://:planted-password@localhost:6379/0")
    assert "planted-password" not in repr(load())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RETOUCH_API_URL", "ftp://api.example.com"),
        ("RETOUCH_WEBHOOK_URL", "ftp://example.com"),
        ("RETOUCH_MAX_IN_FLIGHT", "1.5"),
        ("RETOUCH_MAX_IN_FLIGHT", "-3"),
        ("RETOUCH_MAX_IN_FLIGHT", "99999999999999999999"),
        ("RETOUCH_LEASE", "0.1"),
        ("RETOUCH_LEASE", "301"),
        ("RETOUCH_LEASE", "nan"),
        ("RETOUCH_DEADLINE", "0"),
        ("RETOUCH_DEADLINE", "nan"),
        ("RETOUCH_ON_AMBIGUOUS", "RESUBMIT!"),
        ("RETOUCH_RESUBMITS", "-1"),
        ("RETOUCH_PATIENCE", "0"),
        ("RETOUCH_PATIENCE", "nan"),
        ("RETOUCH_API_IDEMPOTENT", "2"),
        ("RETOUCH_PRIVATE_HOSTS", "10.0.0.1:99999"),
        ("RETOUCH_RETENTION", "inf"),
        ("RETOUCH_RESULTS_PARQUET", "results.parquet"),
        ("RETOUCH_POLL_MIN", "nan"),
        ("RETOUCH_POLL_MAX", "inf"),
        ("RETOUCH_POLL_LAG", "inf"),
        ("RETOUCH_RATE_LIMIT", "10 per second"),
        ("RETOUCH_POLL_RATE", "0/s"),
        ("RETOUCH_MAX_IN_FLIGHT", "many"),
        ("RETOUCH_API_KEY", "with a space"),
        ("RETOUCH_API_URL", "https://"),
        ("RETOUCH_DEADLINE", "inf"),
        ("RETOUCH_BUCKET", "my edits"),
        ("RETOUCH_BUCKET", "s3://my"),
        ("RETOUCH_PREFIX", "edits/\n"),
        ("RETOUCH_PREFIX", "a//b/"),
        ("RETOUCH_PREFIX", "../other/"),
        ("RETOUCH_REDIS_URL", "localhost:6379"),
    ],
)
def test_a_bad_value_is_refused_by_name(environment: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The sentence begins with the variable, and no key is in it."""
    environment.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        load()
    assert str(caught.value).startswith(variable)
    assert str(caught.value).count(variable) == 1
    assert "\n" not in str(caught.value)
    assert "planted" not in str(caught.value)


def test_tables_of_results_need_pyarrow_at_the_start(environment: pytest.MonkeyPatch) -> None:
    """Not at the end of the first batch: the sentence names the variable, and what installs it."""
    environment.setitem(sys.modules, "pyarrow", None)
    assert load().results_parquet is False
    environment.setenv("RETOUCH_RESULTS_PARQUET", "true")
    with pytest.raises(
        InputError, match=r"^RETOUCH_RESULTS_PARQUET needs pyarrow, which is not installed: pip install 'pyarrow>="
    ):
        load()


@pytest.mark.parametrize("variable", ["RETOUCH_API_URL", "RETOUCH_WEBHOOK_URL"])
@pytest.mark.parametrize(
    "url",
    [
        *("https://user:p[hush]@host/", "https://user:hush\u2100@host/", "https://[hush]/x", "https://h:hush/"),
        *("https://h:99999/hush", "https://h/ hush", "https://h/\x01hush", "https://u:hush@h\\@x/"),
    ],
)
def test_a_url_that_is_none_shows_nothing_of_itself(environment: pytest.MonkeyPatch, variable: str, url: str) -> None:
    """It may hold a secret, wherever it is broken."""
    environment.setenv("RETOUCH_WEBHOOK_SECRET", "whsec_" + "A" * 32)
    environment.setenv(variable, url)
    with pytest.raises(InputError, match="must be an http or https URL") as told:
        load()
    assert "hush" not in str(told.value)


@pytest.mark.parametrize("url", ["https://h/\u00e9/hush", "https://u:hush@h/"])
def test_a_webhook_is_written_as_it_is_sent(environment: pytest.MonkeyPatch, url: str) -> None:
    """Else what is said of a delivery that fails could show a part of it in another spelling."""
    environment.setenv("RETOUCH_WEBHOOK_SECRET", "whsec_" + "A" * 32)
    environment.setenv("RETOUCH_WEBHOOK_URL", url)
    with pytest.raises(InputError, match=r"percent-encoded|names a user") as told:
        load()
    assert "hush" not in str(told.value)


@pytest.mark.parametrize("variable", ["RETOUCH_API_KEY", "RETOUCH_BUCKET"])
def test_what_a_worker_cannot_do_without_is_named(environment: pytest.MonkeyPatch, variable: str) -> None:
    """A missing variable is named together with what it is for."""
    environment.delenv(variable)
    with pytest.raises(InputError, match=rf"^{variable} is missing\. \w+"):
        load()


def test_a_webhook_is_never_unsigned(environment: pytest.MonkeyPatch) -> None:
    """A webhook URL without its secret is refused, naming the secret's variable."""
    environment.setenv("RETOUCH_WEBHOOK_URL", "https://example.com/hook")
    with pytest.raises(InputError, match="RETOUCH_WEBHOOK_SECRET is missing"):
        load()


@pytest.mark.parametrize(
    ("variables", "policy"),
    [
        ({}, Policy(AmbiguityPolicy.RESUBMIT, AmbiguityPolicy.RESUBMIT, 3)),
        ({"RETOUCH_ON_AMBIGUOUS": "hold"}, Policy(AmbiguityPolicy.HOLD, AmbiguityPolicy.HOLD, 3)),
        (
            {"RETOUCH_API_IDEMPOTENT": "1", "RETOUCH_ON_AMBIGUOUS": "hold", "RETOUCH_RESUBMITS": "0"},
            Policy(AmbiguityPolicy.IDEMPOTENT, AmbiguityPolicy.HOLD, 0),
        ),
    ],
)
def test_what_happens_to_an_unanswered_submit_is_one_policy(
    environment: pytest.MonkeyPatch, variables: dict[str, str], policy: Policy
) -> None:
    """Where keys are honoured they are used first; when they are too old, RETOUCH_ON_AMBIGUOUS decides."""
    for name, value in variables.items():
        environment.setenv(name, value)
    assert load().policy == policy


def test_what_workers_must_have_alike_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other workers, and people, read it; a key in the API's address is not shown."""
    monkeypatch.setenv("RETOUCH_API_KEY", "key-c0ffee")
    monkeypatch.setenv("RETOUCH_BUCKET", "pictures")
    monkeypatch.setenv("RETOUCH_API_URL", "https://api.test/v1?token=c0ffee")
    monkeypatch.setenv("RETOUCH_MAX_IN_FLIGHT", "auto")
    alike = load().alike
    assert (alike["RETOUCH_BUCKET"], alike["RETOUCH_MAX_IN_FLIGHT"]) == ("pictures", "auto")
    assert "c0ffee" not in str(alike)


def test_all_settings_are_shown_but_for_secrets(environment: pytest.MonkeyPatch) -> None:
    """Each by its variable: of a secret that it is set, of Redis where it is, of sinks no more than which."""
    environment.setenv("RETOUCH_API_KEY", "key-c0ffee")
    environment.setenv("RETOUCH_API_URL", "https://api.test/v1?token=c0ffee")
    environment.setenv("RETOUCH_REDIS_URL", "rediss://ann:c0ffee@redis.test:6380/2")
    environment.setenv("RETOUCH_WEBHOOK_URL", "https://hooks.test/c0ffee")
    environment.setenv("RETOUCH_WEBHOOK_SECRET", SECRET)
    environment.setenv("RETOUCH_SINKS", "https://other.example/c0ffee?name=shop")
    settings = load()
    shown = settings.shown
    assert not [secret for secret in ("c0ffee", *settings.secrets) if secret in str(shown)]
    hidden = {"RETOUCH_WEBHOOK_URL", "RETOUCH_SINKS"}  # told as sinks
    assert {name for name in shown if name.startswith("RETOUCH_")} | hidden == {
        f"RETOUCH_{name.upper()}" for name in type(settings).model_fields
    }
    assert shown["RETOUCH_API_KEY"] == shown["RETOUCH_WEBHOOK_SECRET"] == "is set, and not shown"
    assert shown["RETOUCH_REDIS_URL"] == settings.redis.shown
    assert settings.alike.items() <= shown.items()
