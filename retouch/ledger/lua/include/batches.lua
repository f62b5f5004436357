-- What moves do to a batch.
-- include: clock events

-- New work for a batch that was ending or had ended: it is open again, and its _SUCCESS is stale.
local function reopen(batch)
  local state = redis.call('HGET', batch_key(batch), 'state')
  if state ~= 'open' then
    redis.call('HSET', batch_key(batch), 'state', 'open', 'stale', '1')
    redis.call('ZADD', DUE, int(now), batch)
  end
  redis.call('HDEL', batch_key(batch), 'cancelled')
end

-- The causes for which a batch does not move: cause → { reason, since }. Its queued edits leave READY when they are met.
local function batch_pauses(batch)
  local text = redis.call('HGET', batch_key(batch), 'paused')
  return text and cjson.decode(text) or {}
end

-- Bring a page of a batch's parked edits back, with their places in the order. Returns how many.
local function unpark(batch)
  local page = redis.call('ZRANGE', parked_key(batch), 0, PAGE - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    redis.call('ZADD', READY, page[i + 1], page[i])
    redis.call('ZREM', parked_key(batch), page[i])
  end
  return #page / 2
end

local function pause_batch(batch, cause, reason)
  local known = batch_pauses(batch)
  if known[cause] then return 0 end
  known[cause] = { reason = reason, since = now }
  redis.call('HSET', batch_key(batch), 'paused', cjson.encode(known))
  emit('retouch.paused', batch, cjson.encode({ batch = batch, cause = cause, reason = reason }))
  return 1
end
