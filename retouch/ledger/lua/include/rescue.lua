-- What becomes of edits whose workers end.
-- include: clock edits

local MAX_RESCUES = 3
local POISON = '{"code":"poison","message":"' .. MAX_RESCUES .. ' times in a row the worker that had it in hand ended,' ..
  ' or met an error of its own: see their logs, then retry"}'

-- An edit whose last holder began work on it and never settled is rescued; one that is rescued again and again is what
-- ends the workers. The second time it is put on trial: alone of its kind, so that no other edit is failed with it.
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
