"""The remote producer: its way to the gateway."""
