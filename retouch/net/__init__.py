"""The network: what may be called, what may be shown, and what all HTTP clients share."""
