-- A producer is about to write to a batch: from now on it does not end before it is sealed, and is not removed.
-- ARGV: now, batch.
-- Returns the batch's defaults (JSON); nil where there is no batch yet: its first edits make it.
-- Changes the batch (cancelled, unsealed, expires).
-- include: clock
local key = batch_key(ARGV[2])
local b = redis.call('HMGET', key, 'defaults', 'state', 'expires')
if not b[1] then return false end
redis.call('HDEL', key, 'cancelled') -- who opens it again wants it again
if b[2] ~= 'completed' then
  redis.call('HSET', key, 'unsealed', int(now))
elseif tonumber(b[3]) < now + KEPT_MS then
  redis.call('HSET', key, 'expires', int(now + KEPT_MS))
end
return b[1]
