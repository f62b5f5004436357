-- Pause a batch: its queued edits are not submitted. Polls and copies go on.
-- ARGV: now, batch, cause (BATCH_PAUSE), reason.
-- Returns 1 if the pause is new, 0 if it was there, -1 if there is no such batch.
-- Emits retouch.paused.
-- Changes the batch (paused).
-- include: clock batches
if redis.call('EXISTS', batch_key(ARGV[2])) == 0 then return -1 end
return pause_batch(ARGV[2], ARGV[3], ARGV[4])
