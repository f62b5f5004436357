-- The producer is done: the batch ends when its edits have ended.
-- ARGV: now, batch.
-- Returns 1 it is sealed now, 0 it was already, -1 there is no such batch.
-- Changes the batch (unsealed), DUE.
-- include: clock batches
local batch = ARGV[2]
if redis.call('EXISTS', batch_key(batch)) == 0 then return -1 end
return seal(batch)
