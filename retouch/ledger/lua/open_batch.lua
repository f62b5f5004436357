-- Make a batch, or keep an existing one from finishing while it is being filled.
-- ARGV: now, batch, defaults (JSON), weight, fill_ms.
-- Returns the batch's defaults: the first ones stay.
-- Changes the batch, BATCHES, DUE.
-- include: clock
local batch, defaults, weight, fill_ms = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local key = batch_key(batch)
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'state', 'open', 'created', int(now), 'defaults', defaults, 'weight', weight, 'pending', '0')
  redis.call('ZADD', BATCHES, int(now), batch)
end
redis.call('HDEL', key, 'cancelled') -- who opens it again wants it again
redis.call('HSET', key, 'fill_until', int(now + fill_ms))
redis.call('ZADD', DUE, 'NX', int(now + fill_ms), batch)
return redis.call('HGET', key, 'defaults')
