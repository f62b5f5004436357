-- A producer is done: when all are, the batch ends with its edits.
-- ARGV: now, batch, producer ('': whoever writes).
-- Returns 1 it is sealed now, 0 it was already, or others write still, -1 there is no such batch.
-- Changes the batch (unsealed, fill_until), DUE.
-- include: clock batches
local batch = ARGV[2]
if redis.call('EXISTS', batch_key(batch)) == 0 then return -1 end
return seal(batch, ARGV[3])
