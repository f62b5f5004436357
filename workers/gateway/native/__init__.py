"""The native face, under ``/v1``: what the commands do, over HTTP."""

from __future__ import annotations

from fastapi import FastAPI

from retouch.edit import Edit
from workers.gateway.context import Gateway
from workers.gateway.native.batches import add_batches
from workers.gateway.native.edits import add_edits
from workers.gateway.native.events import add_events
from workers.gateway.native.installation import add_installation
from workers.gateway.native.jobs import add_jobs
from workers.gateway.native.links import add_links
from workers.gateway.native.notifications import add_notifications
from workers.gateway.native.overview import add_overview
from workers.gateway.native.picks import add_picks
from workers.gateway.native.pictures import add_pictures
from workers.gateway.native.provider import add_provider
from workers.gateway.native.redo import RedoAsked, add_redo
from workers.gateway.native.removal import add_removal
from workers.gateway.native.search import add_search
from workers.gateway.native.sinks import add_sinks
from workers.gateway.native.strips import add_strips
from workers.gateway.native.submit import Edits, add_submit
from workers.gateway.native.thumbnails import add_thumbnails
from workers.gateway.native.uploads import add_uploads
from workers.gateway.native.why import add_why

SHAPES = (Edit, Edits, RedoAsked)  # of bodies that FastAPI does not read


def add_native(app: FastAPI, gateway: Gateway) -> None:
    """Add what is asked about edits that are there, and decided about them."""
    add_batches(app, gateway)
    add_strips(app, gateway)
    add_picks(app, gateway)
    add_edits(app, gateway)
    add_search(app, gateway)
    add_events(app, gateway)
    add_installation(app, gateway)
    add_jobs(app, gateway)
    add_links(app, gateway)
    add_pictures(app, gateway)
    add_thumbnails(app, gateway)
    add_overview(app, gateway)
    add_provider(app, gateway)
    add_sinks(app, gateway)
    add_why(app, gateway)


def add_intake(app: FastAPI, gateway: Gateway) -> None:
    """Add what brings edits."""
    add_submit(app, gateway)
    add_notifications(app, gateway)
    add_redo(app, gateway)
    add_removal(app, gateway)
    add_uploads(app, gateway)
