"""``scripts/compose-test``: docker-compose.yml, run for real."""
