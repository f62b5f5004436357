"""The img2img API from outside: HTTP, dialects, rate limits, and when to poll."""
