"""The img2img API from outside: its wire, its dialects, its limits, and when to ask it."""
