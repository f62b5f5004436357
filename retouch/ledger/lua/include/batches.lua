-- What moves do to a batch.
-- include: clock

-- New work for a batch that was ending or had ended: it is open again, and its _SUCCESS is stale.
local function reopen(batch)
  local state = redis.call('HGET', batch_key(batch), 'state')
  if state ~= 'open' then
    redis.call('HSET', batch_key(batch), 'state', 'open', 'stale', '1')
    redis.call('ZADD', DUE, int(now), batch)
  end
  redis.call('HDEL', batch_key(batch), 'cancelled')
end
