"""Every setting of a worker, read from the environment once, at start."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from config.installation import PREFIX, InstallationSettings, as_value_error, read
from retouch.causes import AmbiguityPolicy
from retouch.errors import InputError
from retouch.events.sinks import webhook
from retouch.events.sinks.spec import SinkKind, SinkSpec, parse_sinks, webhook_spec
from retouch.ledger import Intervals, Journal, Policy
from retouch.net.addresses import is_http_url
from retouch.net.redaction import without_queries
from retouch.price import Budget, Price
from retouch.provider.client import Img2ImgApi
from retouch.provider.dialects.imagepipeline import DEFAULT_URL
from retouch.provider.rates import Window, interval_ms, parse_rate, slack_ms
from retouch.results.table import load_arrow

# Limits and money are shared: with two values, which one holds is chance. The others may differ from host to host.
ALIKE = (
    *("api_url", "api_idempotent", "bucket", "prefix", "max_in_flight", "on_ambiguous", "resubmits", "patience"),
    *("lease", "deadline", "retention", "journal", "results_parquet", "rate_limit", "submit_rate", "poll_rate"),
    "daily_budget",
)


class Settings(InstallationSettings):
    """The worker's settings; each field is read from ``RETOUCH_`` and its name in capitals."""

    api_url: Annotated[str, Field(description="Where edits are posted; status is asked at {url}/status/{id}.")] = (
        DEFAULT_URL
    )
    api_key: Annotated[SecretStr, Field(description="Sent to the API as API-Key, and to no other host.")]
    api_idempotent: Annotated[bool, Field(description="The API honours Idempotency-Key.")] = False
    webhook_url: Annotated[str | None, Field(repr=False, description="Where events are posted.")] = None
    webhook_secret: Annotated[SecretStr | None, Field(description="whsec_…: signs what is posted.")] = None
    sinks: Annotated[
        str, Field(repr=False, description="More places where events are delivered: URLs with blanks between them.")
    ] = ""
    max_in_flight: Annotated[
        Annotated[int, Field(ge=1, le=1_000_000)] | Literal["auto"],
        Field(description="Images at the API at once, all workers together; auto: learned from the API's responses."),
    ] = 16
    on_ambiguous: Annotated[
        Literal["resubmit", "hold"], Field(description="What happens to a submit that was sent and not answered.")
    ] = "resubmit"
    resubmits: Annotated[
        int, Field(ge=0, le=100, description="How often an edit is sent again after an error that the API answered.")
    ] = 3
    patience: Annotated[
        float,
        Field(ge=0.1, le=86_400, description="Seconds over which an edit is refused, while others fare well, to fail."),
    ] = 120
    lease: Annotated[float, Field(ge=0.5, le=300, description="Seconds until a dead worker's work is taken over.")] = 4
    deadline: Annotated[float, Field(gt=0, le=518_400, description="Seconds from submit to a result.")] = 1800
    retention: Annotated[
        float, Field(ge=1, le=315_360_000, description="Seconds that an ended batch stays in Redis.")
    ] = 604_800
    journal: Annotated[
        Journal, Field(description="Of which edits a journal is kept; auto: of the first 100,000 of each batch.")
    ] = Journal.AUTO
    results_parquet: Annotated[
        bool, Field(description="A batch that ends gets results.parquet beside its manifest; needs pyarrow.")
    ] = False
    rate_limit: Annotated[str, Field(description="Requests to the API, such as 10/s,300/m.")] = ""
    submit_rate: Annotated[str, Field(description="The share of it that submits may take, such as 2/s.")] = ""
    poll_rate: Annotated[str, Field(description="The share of it that polls may take, such as 8/s.")] = ""
    poll_min: Annotated[
        float, Field(ge=0.05, le=86_400, description="Seconds between two polls of an edit, at least.")
    ] = 0.25
    poll_max: Annotated[float, Field(gt=0, le=86_400, description="Seconds between two polls of an edit, at most.")] = (
        10
    )
    poll_lag: Annotated[
        float, Field(gt=0, le=86_400, description="Target: 95 % of results are seen within so many seconds.")
    ] = 1

    price: Annotated[
        str, Field(description="What one image costs, such as 0.0035 USD; the first worker's holds for all.")
    ] = ""
    daily_budget: Annotated[
        str, Field(description="What all submits of a day (UTC) may cost, such as 20; then they pause until midnight.")
    ] = ""

    @field_validator("api_url")
    @classmethod
    def _api_url(cls, value: str) -> str:
        _check_url(value)
        return value.rstrip("/")

    @field_validator("webhook_url")
    @classmethod
    def _webhook_url(cls, value: str | None) -> str | None:
        if value is not None and not _check_url(value).isascii():
            raise ValueError("must be percent-encoded: it has characters that are not ASCII")
        if value is not None and "@" in urlsplit(value).netloc:
            raise ValueError("names a user; events are signed, so write it without one")
        return value

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        try:
            Img2ImgApi(DEFAULT_URL, value.get_secret_value())
        except InputError:
            raise ValueError("holds characters that an HTTP header cannot carry") from None
        return value

    @field_validator("results_parquet")
    @classmethod
    def _tables_can_be_written(cls, value: bool) -> bool:
        if value:
            as_value_error(load_arrow)
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            as_value_error(lambda: webhook.check_secret(value.get_secret_value()))
        return value

    @field_validator("sinks")
    @classmethod
    def _sinks(cls, value: str) -> str:
        as_value_error(lambda: parse_sinks(value))
        return value

    @field_validator("price")
    @classmethod
    def _price(cls, value: str) -> str:
        as_value_error(lambda: Price.parse(value))
        return value

    @field_validator("daily_budget")
    @classmethod
    def _daily_budget(cls, value: str) -> str:
        if value:
            as_value_error(lambda: Budget.parse(value, "it"))
        return value

    @field_validator("rate_limit", "submit_rate", "poll_rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        if value:
            as_value_error(lambda: parse_rate(value))
        return value

    @model_validator(mode="after")
    def _signed(self) -> Settings:
        if self.poll_min > self.poll_max:
            raise ValueError("RETOUCH_POLL_MIN is larger than RETOUCH_POLL_MAX")
        if any(sink.kind is SinkKind.WEBHOOK for sink in self.all_sinks.values()) and not self.webhook_secret:
            where = "RETOUCH_WEBHOOK_URL is set" if self.webhook_url else "RETOUCH_SINKS has a webhook"
            raise ValueError(f"RETOUCH_WEBHOOK_SECRET is missing: {where}, and events are signed")
        return self

    @property
    def image_price(self) -> Price | None:
        """What one image costs, as this worker knows it."""
        return Price.parse(self.price)

    @property
    def days_budget(self) -> Budget | None:
        """What all submits of a day may cost; None: any amount."""
        return Budget.parse(self.daily_budget) if self.daily_budget else None

    @cached_property
    def daily_micros(self) -> int:
        """The same in micro-units; 0: any amount."""
        return self.days_budget.micros if self.days_budget else 0

    @property
    def places(self) -> int:
        """How many images may be at the API at once; 0: learned from the API's responses."""
        return 0 if self.max_in_flight == "auto" else self.max_in_flight

    @property
    def intervals(self) -> Intervals:
        """How far apart requests to the API lie."""
        return Intervals(*(interval_ms(windows) for windows in self._rates))

    @property
    def slack_ms(self) -> float:
        """How late a request may go without breaking a rate limit."""
        return min(slack_ms(windows) for windows in self._rates)

    @property
    def _rates(self) -> list[tuple[Window, ...]]:
        return [parse_rate(rate) if rate else () for rate in (self.rate_limit, self.submit_rate, self.poll_rate)]

    @property
    def ambiguity_policy(self) -> AmbiguityPolicy:
        """What the ledger does with an edit that may have been sent."""
        return AmbiguityPolicy.IDEMPOTENT if self.api_idempotent else AmbiguityPolicy(self.on_ambiguous)

    @property
    def policy(self) -> Policy:
        """The same, with what is done where that ends."""
        return Policy(self.ambiguity_policy, AmbiguityPolicy(self.on_ambiguous), self.resubmits)

    @property
    def patience_ms(self) -> int:
        """Over how long an edit's refusals must lie, in ms."""
        return int(self.patience * 1000)

    @property
    def lease_ms(self) -> int:
        """The lease of a claim in ms."""
        return int(self.lease * 1000)

    @property
    def retention_ms(self) -> int:
        """How long an ended batch is kept in Redis, in ms."""
        return int(self.retention * 1000)

    @cached_property
    def all_sinks(self) -> dict[str, SinkSpec]:
        """The configured sinks of events, by their names: the webhook, and the others."""
        own = (webhook_spec(self.webhook_url),) if self.webhook_url else ()
        return {sink.name: sink for sink in (*own, *parse_sinks(self.sinks))}

    @property
    def alike(self) -> dict[str, str]:
        """What all workers of an installation must have alike, by variables, as it may be shown.

        Sinks too: of two workers that mean two targets by one name, each event would go to one of them.
        """
        shown = {name: str(getattr(self, name)) for name in ALIKE}
        settings = {f"{PREFIX}{name.upper()}": without_queries(value) for name, value in shown.items()}
        return settings | {f"the sink {name}": sink.place for name, sink in self.all_sinks.items()}

    @property
    def shown(self) -> dict[str, str]:
        """All settings by their variables, as people may see them.

        Of a secret only whether it is set, of Redis where it is; sinks are in ``alike``. What is not shown in the
        settings' own text (``repr=False``) is left out.
        """
        fields = {name: getattr(self, name) for name, field in type(self).model_fields.items() if field.repr}
        shown = {f"{PREFIX}{name.upper()}": _shown(value) for name, value in fields.items()}
        return shown | {"RETOUCH_REDIS_URL": self.redis.shown} | self.alike

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no log line may hold."""
        own = [s.get_secret_value() for s in (self.api_key, self.webhook_secret) if s]
        return (*own, *super().secrets)


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "is set, and not shown"
    return "" if value is None else without_queries(str(value))


def _check_url(value: str) -> str:
    """Raise ValueError, whose text shows nothing of the URL, unless it is one of http or https."""
    if not is_http_url(value):
        raise ValueError("must be an http or https URL")
    return value


def load() -> Settings:
    """Read the environment; raises InputError in one sentence that names the first wrong variable, or mistyped name."""
    return read(Settings)
