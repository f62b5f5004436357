"""What the moves of the ledger cost Redis, beside those of another revision: ``scripts/bench --ledger``."""
