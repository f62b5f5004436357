"""What else one could run the same edits with, each written as its own documentation says and in its own environment.

Nothing here may import the rest of this project but ``work``: the environments hold what the ``.txt`` files pin, alone.
"""
