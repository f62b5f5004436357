"""A night's edits from plain Python: python nightly.py 2026-01-31. Run it again after any failure."""

import sys

from retouch import EditQueue, TooManyFailuresError

NAMES = ("cat", "dog", "fox", "owl")


def main(day: str) -> int:
    """Enqueue the day's edits, wait, and say what came of them; returns the exit code."""
    prompt, url = "a watercolour of a {}, {}", "https://example.com/{}.png"
    edits = [{"custom_id": one, "prompt": prompt.format(one, day), "init_image": url.format(one)} for one in NAMES]
    with EditQueue.from_env() as queue:
        queue.enqueue(edits, batch=f"nightly-{day}", max_failures="1%")
        try:
            view = queue.wait(f"nightly-{day}", timeout_s=6 * 3600)
        except TooManyFailuresError as error:  # the rest is paused, and not paid for
            view = error.view
        for result in queue.results(view.batch):
            print(result.custom_id, result.state, *(output.uri for output in result.outputs), result.error or "")
        return 0 if view.counts.get("completed", 0) >= 0.99 * view.total else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
