-- More edits may come to a batch until then: it does not end before, though all that it has have ended. A time that it has is only put off.
-- ARGV: now, batch, until (ms).
-- Returns 1 it is kept open, 0 there is no such batch.
-- Changes the batch (fill_until).
-- include: clock
local key = batch_key(ARGV[2])
if redis.call('EXISTS', key) == 0 then return 0 end
local before = tonumber(redis.call('HGET', key, 'fill_until') or '0')
redis.call('HSET', key, 'fill_until', int(math.max(before, tonumber(ARGV[3]))))
return 1
