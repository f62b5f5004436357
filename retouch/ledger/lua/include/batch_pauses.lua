-- Why a batch does not move, and how many of its edits may fail before it does not.
-- include: clock events counts

local ENOUGH = 100 -- edits that have ended: they tell what share fails, while a producer still adds others

-- The causes for which a batch does not move: cause → { reason, since }. Its queued edits leave READY when they are met.
local function batch_pauses(batch)
  local text = redis.call('HGET', batch_key(batch), 'paused')
  return text and cjson.decode(text) or {}
end

local function pause_batch(batch, cause, reason)
  local known = batch_pauses(batch)
  if known[cause] then return 0 end
  known[cause] = { reason = reason, since = now }
  redis.call('HSET', batch_key(batch), 'paused', cjson.encode(known))
  file_backlog(batch)
  emit('retouch.paused', batch, cjson.encode({ batch = batch, cause = cause, reason = reason }))
  return 1
end

-- One cause is over. With the last one the parked edits come back, page by page, beside the claims.
local function end_batch_pause(batch, cause)
  local known = batch_pauses(batch)
  local pause = known[cause]
  if not pause then return end
  known[cause] = nil
  if next(known) then
    redis.call('HSET', batch_key(batch), 'paused', cjson.encode(known))
  else
    redis.call('HDEL', batch_key(batch), 'paused')
    redis.call('HSET', batch_key(batch), 'waited', int(pause.since) .. ' ' .. NOW .. ' batch:' .. cause)
    redis.call('ZADD', CHORES, NOW, batch)
    file_backlog(batch)
  end
  emit('retouch.resumed', batch, cjson.encode({ batch = batch, cause = cause, reason = pause.reason }))
end

-- What a producer, or who waits, says of how many may fail binds a batch that was given nothing before; what a person has decided
-- since stays. Returns true if the limit is new.
local function give_limit(batch, limit)
  redis.call('HSETNX', batch_key(batch), 'given_failures', limit)
  return redis.call('HSETNX', batch_key(batch), 'max_failures', limit) == 1
end

-- Whether more edits failed than `limit` (`10`, or `1%` of all that the batch has) allows, and how many it has; nil: too few have
-- ended to tell. `failed`, `pending` (not ended), `unsealed`: as the batch has them.
local function exceeds(batch, limit, failed, pending, unsealed)
  local share, all = tonumber(string.match(limit, '^(.+)%%$')), redis.call('LLEN', order_key(batch))
  if not share then return failed > tonumber(limit), all end
  if failed > 0 and unsealed and all - pending < ENOUGH then return nil, all end
  return failed * 100 > share * all + 1e-6, all -- the least bit more is an error of the multiplication
end

-- More of a batch's edits failed than may: it is paused, if anything is left to be sent. Not more any longer, after a retry, or
-- with the edits that came before its seal: that pause ends. To be called after each change of what is compared.
local function weigh_failures(batch)
  local key = batch_key(batch)
  local b = redis.call('HMGET', key, 'max_failures', 'n:failed', 'pending', 'unsealed', 'cancelled', 'fill_until')
  local limit, failed, pending = b[1], tonumber(b[2] or '0'), tonumber(b[3])
  if not limit or limit == LIFTED then return end
  local more_to_come = b[4] or tonumber(b[6] or '0') > now
  local above, all = exceeds(batch, limit, failed, pending, more_to_come)
  if above == false then
    end_batch_pause(batch, BATCH_PAUSE.failures)
  elseif above and (pending > 0 or more_to_come) and not b[5] then
    pause_batch(batch, BATCH_PAUSE.failures, int(failed) .. ' of ' .. int(all) .. ' edits failed, and max_failures is ' .. limit)
  end
end
