"""A process's senders, one for each sink, and the writing down of what comes of deliveries."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import Settings
from retouch.events.sinks.aws import AwsSender
from retouch.events.sinks.message import Answer, Message, Sender
from retouch.events.sinks.spec import SinkKind, SinkSpec
from retouch.events.sinks.webhook import Poster, WebhookSender


class Sinks:
    """Delivers to the sinks of the settings, and to those that batches have of their own.

    Each has connections of its own, so that one that does not answer takes none from another. ``poster`` makes those of
    webhooks.
    """

    def __init__(self, settings: Settings, poster: Callable[[], Poster]) -> None:
        secret = settings.webhook_secret
        self._secret = secret.get_secret_value() if secret else None
        self._of_batches = poster()
        self._senders = {name: self._sender(spec, poster) for name, spec in settings.all_sinks.items()}

    def _sender(self, spec: SinkSpec, poster: Callable[[], Poster]) -> Sender:
        if spec.kind is SinkKind.WEBHOOK:
            return WebhookSender(poster(), spec.target, self._secret)
        return AwsSender(spec)

    async def send(self, sink: str, url: str | None, message: Message) -> Answer:
        """Try once to deliver an event to a sink of the settings; with ``url``, to a batch's own."""
        sender = WebhookSender(self._of_batches, url, self._secret) if url else self._senders[sink]
        return await sender.send(message)

    async def close(self) -> None:
        """Close every connection."""
        await self._of_batches.close()
        for sender in self._senders.values():
            await sender.close()
