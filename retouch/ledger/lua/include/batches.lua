-- What moves do to a batch.
-- include: clock batch_pauses

-- New work for a batch that was ending or had ended: it is open again, and its _SUCCESS is stale.
local function reopen(batch)
  local b = redis.call('HMGET', batch_key(batch), 'state', 'holder')
  if b[1] ~= 'open' then
    redis.call('HSET', batch_key(batch), 'state', 'open', 'stale', '1')
    if not b[2] then redis.call('ZADD', DUE, NOW, batch) end -- else who is writing its end finds it open
  end
  redis.call('HDEL', batch_key(batch), 'cancelled', 'removing')
end

-- The producers that write to it: name → when they were last heard of (ms). While there is one, it does not end.
local function producers(batch)
  local text = redis.call('HGET', batch_key(batch), 'unsealed')
  return text and cjson.decode(text) or {}
end

local function hold_open(batch, producer)
  local known = producers(batch)
  known[producer] = now
  redis.call('HSET', batch_key(batch), 'unsealed', cjson.encode(known))
end

-- This producer writes nothing more ('': none does, and none is to come), nor do those that were not heard of for long. Others may
-- be dead, or live: the batch is looked at again. Returns 1 if it may end now, and might not before.
local function seal(batch, producer)
  local left, cut = {}, 0
  if producer == '' then cut = redis.call('HDEL', batch_key(batch), 'fill_until') end
  for name, heard_at in pairs(producers(batch)) do
    if producer ~= '' and name ~= producer and now - heard_at <= PRODUCER_GONE_MS then left[name] = heard_at end
  end
  if next(left) then
    redis.call('HSET', batch_key(batch), 'unsealed', cjson.encode(left), 'sealing', '1')
    redis.call('ZADD', DUE, int(now + PRODUCER_GONE_MS), batch)
    return 0
  end
  redis.call('HDEL', batch_key(batch), 'sealing')
  if redis.call('HDEL', batch_key(batch), 'unsealed') + cut == 0 then return 0 end
  weigh_failures(batch)
  redis.call('ZADD', DUE, NOW, batch)
  return 1
end

-- Bring up to `most` of a batch's parked edits back, with their places in the order. Returns how many.
local function unpark(batch, most)
  local page = redis.call('ZRANGE', parked_key(batch), 0, most - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    redis.call('ZADD', READY, page[i + 1], page[i])
    redis.call('ZREM', parked_key(batch), page[i])
  end
  return #page / 2
end
