"""The client of the API, its rates and waits."""
