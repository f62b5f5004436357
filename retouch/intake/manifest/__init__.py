"""Reading a manifest: JSONL, a JSON array, or a table (text, Parquet, Arrow), one edit a line.

Its content tells what a file is. A line that cannot be read becomes a ``Line`` with a ``problem``, so that one pass
finds every bad line; where the whole file is wrong, InputError is raised. Only one line at a time is held in memory (of
Parquet and Arrow a batch of rows; a JSON array is bounded and read whole).
"""

from retouch.intake.manifest.columns import Columns
from retouch.intake.manifest.opening import STDIN, opened

__all__ = ["STDIN", "Columns", "opened"]
