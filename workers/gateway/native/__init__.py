"""The native face, under ``/v1``: what the commands do, over HTTP."""
