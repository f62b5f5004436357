-- What becomes of edits whose workers end, and of batches that ended long ago. Put after moves.lua.

local MAX_RESCUES = 3
local POISON = '{"code":"poison","message":"' .. MAX_RESCUES .. ' times in a row the worker that had it in hand ended,' ..
  ' or met an error of its own: see their logs, then retry"}'

-- An edit whose last holder began work on it and never settled is rescued; one that is rescued again and again is what
-- ends the workers. The second time it is put on trial: alone of its kind, so that no bystander is condemned with it.
-- Returns true when it may be claimed now.
local function rescue(id, begun)
  local key = edit_key(id)
  local rescues = tonumber(redis.call('HGET', key, 'rescues') or '0')
  if begun then
    redis.call('HDEL', key, 'begun')
    rescues = redis.call('HINCRBY', key, 'rescues', 1)
  end
  if rescues >= MAX_RESCUES then
    end_edit(id, redis.call('HGET', key, 'state'), 'failed', nil, POISON)
    return false
  end
  if rescues < MAX_RESCUES - 1 then return true end
  local other = redis.call('HGET', STATE, 'trial')
  if other and other ~= id and redis.call('HGET', edit_key(other), 'rescues') == tostring(MAX_RESCUES - 1)
    and tonumber(redis.call('ZSCORE', DUE, other) or '0') > now then
    redis.call('ZADD', DUE, int(now + 250), id)
    return false
  end
  redis.call('HSET', STATE, 'trial', id)
  return true
end

-- Remove a page of a batch that ended long ago; at its end the batch itself. Its results stay in S3.
local PAGE = 500
local function remove_page(batch)
  local page = redis.call('LPOP', order_key(batch), PAGE) or {}
  for _, custom_id in ipairs(page) do
    local key = edit_key(batch .. '/' .. custom_id)
    redis.call('HINCRBY', batch_key(batch), 'n:' .. redis.call('HGET', key, 'state'), -1)
    redis.call('UNLINK', key)
    redis.call('HDEL', edits_key(batch), custom_id)
    redis.call('HDEL', results_key(batch), custom_id)
  end
  if #page == PAGE then return end -- it stays due
  redis.call('UNLINK', batch_key(batch), order_key(batch), edits_key(batch), results_key(batch))
  redis.call('ZREM', BATCHES, batch)
  redis.call('ZREM', DUE, batch)
  -- Its events go as well, but for those that are not delivered yet, or as old as a batch that is still here.
  local oldest = redis.call('ZRANGE', BATCHES, 0, 0, 'WITHSCORES')[2]
  local before = oldest and tonumber(oldest) or now
  if redis.call('ZCARD', OUTBOX) > 0 then before = math.min(before, now - 2 * 86400000) end
  redis.call('XTRIM', EVENTS, 'MINID', int(before))
end
