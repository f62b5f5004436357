"""The shapes of what Retouch prints, writes to S3 and tells as events; ``docs/schemas`` is made from them.

Readers must ignore keys that are not described here: a newer version adds some. Times are RFC 3339 in UTC.
"""
