"""Makes the parts of docs/api.md, fields.md and cli.md that follow from the code (``scripts/reference``).

What stands between ``<!-- made: NAME -->`` and ``<!-- end -->`` is made; the rest of a page is written by hand.
"""
