"""The gateway as its callers see it: what ``EditQueue`` asks of the ledger, asked over HTTP (docs/gateway.md).

Its modules are loaded where there is a gateway: their HTTP library takes a tenth of a second.
"""

PICTURES = "gateway"  # in place of a bucket: of pictures whose place the gateway tells with the link to it
NEEDS_REDIS = "a gateway (RETOUCH_URL) does not offer that: it needs Redis, so set RETOUCH_REDIS_URL"
