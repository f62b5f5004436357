-- Edits whose worker died: they are taken over, or fail as poison.
-- include: clock edits

local MAX_RESCUES = 3
local POISON = '{"code":"' .. FAILURE.poison .. '","message":"' .. MAX_RESCUES .. ' times in a row the worker that processed it died,' ..
  ' or had an internal error: read the logs of the workers, then retry"}'

-- An edit whose last worker began work and did not settle it is rescued. An edit that is rescued repeatedly probably
-- causes the crashes. After the second rescue such edits run one at a time, so that no other edit fails with it.
-- Returns true when it may be claimed now.
local function rescue(id, begun)
  local key = edit_key(id)
  local rescues = tonumber(redis.call('HGET', key, 'rescues') or '0')
  if begun then
    journal.record(id, nil, MARK.taken_over, nil, redis.call('HGET', key, 'holder') or nil)
    redis.call('HDEL', key, 'begun', 'holder', 'again')
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
