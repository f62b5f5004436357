-- Whoever waits for a batch says how many of its edits may fail, which binds the batch if nobody has said so before.
-- ARGV: now, batch, max_failures.
-- Returns the max_failures that the batch was given: this, or another before.
-- Emits retouch.paused if more have failed already.
-- Changes the batch (max_failures, given_failures, paused).
-- include: clock batch_pauses
local batch = ARGV[2]
local key = batch_key(batch)
if redis.call('EXISTS', key) == 0 then return ARGV[3] end
local given = redis.call('HGET', key, 'given_failures')
if given and given ~= ARGV[3] then return given end
if give_limit(batch, ARGV[3]) then weigh_failures(batch) end
return ARGV[3]
