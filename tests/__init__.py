"""Tests, their harness, and the ledger that some of them share."""
