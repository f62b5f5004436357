-- The producer is done: the batch may finish as soon as its edits have ended.
-- ARGV: now, batch.
-- Returns 1, or 0 where there is no such batch.
-- Changes the batch (fill_until), DUE.
-- include: clock
local batch = ARGV[2]
if redis.call('EXISTS', batch_key(batch)) == 0 then return 0 end
redis.call('HSET', batch_key(batch), 'fill_until', int(now))
if redis.call('HGET', batch_key(batch), 'state') ~= 'completed' then
  redis.call('ZADD', DUE, int(now), batch)
end
return 1
