#!/usr/bin/env bash
# A night's edits from cron or CI: nightly.sh 2026-01-31 (default: today, UTC).
# Exit code 0: go on. 75: a service is away or time is up, so run it again; it adds nothing twice. Others: a person decides.
set -euo pipefail

day=${1:-$(date -u +%F)}
batch=nightly-$day
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in cat dog fox owl; do
    printf '{"custom_id": "%s", "prompt": "a watercolour of a %s, %s", "init_image": "https://example.com/%s.png"}\n' \
        "$name" "$name" "$day" "$name"
done >"$work/edits.jsonl"

code=0
retouch enqueue "$work/edits.jsonl" --batch "$batch" --max-failures 1% --wait --timeout 21600 || code=$?

case $code in
    0) retouch results "$batch" --format csv -o "$batch.csv" ;;
    3) retouch results "$batch" --only failed ;; # more than 1 % failed: these, and why
    5 | 6) code=75 ;;
esac
exit "$code"
