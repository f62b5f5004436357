-- Take work that is due, under a lease: each claim's appointment moves to now + lease and its fence rises.
-- ARGV: now, lease_ms, holder, submits, polls, deliveries (how many of each at most), places (images at the API).
-- Returns { next appointment in ms or -1, pauses in force, claims as { id, fence, step }… }.
local lease, holder = tonumber(ARGV[2]), ARGV[3]
local submits, polls, deliveries, places = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local claims = {}

local function claim(key, member, clock_key, step)
  local fence = redis.call('HINCRBY', key, 'fence', 1)
  redis.call('ZADD', clock_key, int(now + lease), member)
  claims[#claims + 1] = { member, fence, step }
end

local function claim_edit(id, step)
  redis.call('HSET', edit_key(id), 'holder', holder)
  claim(edit_key(id), id, DUE, step)
end

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

-- Nobody has claimed for longer than a lease: either no worker was there, or none could reach this server. In the
-- latter case they come back with answers to settle, so every claim gets one more lease before another may have it.
local function grace_until()
  local s = redis.call('HMGET', STATE, 'claimed_at', 'grace_until')
  local grace = tonumber(s[2] or '0')
  if s[1] and now - tonumber(s[1]) > lease then
    grace = now + lease
    redis.call('HSET', STATE, 'grace_until', int(grace))
  end
  redis.call('HSET', STATE, 'claimed_at', int(now))
  return grace
end

-- How many submits the pauses leave: all, none, or one that finds out whether the API is willing again.
local function allowed_submits()
  local allowed, paused = submits, 0
  local pauses = redis.call('HGETALL', PAUSES)
  for i = 1, #pauses, 2 do
    paused = paused + 1
    local pause = cjson.decode(pauses[i + 1])
    if pause.every > 0 and pause['until'] <= now then
      allowed = math.min(allowed, 1)
    else
      allowed = 0
    end
  end
  return allowed, paused
end

local function push_probes_on()
  local pauses = redis.call('HGETALL', PAUSES)
  for i = 1, #pauses, 2 do
    local pause = cjson.decode(pauses[i + 1])
    if pause.every > 0 then
      pause.every = math.min(pause.every * 2, 60000)
      pause['until'] = now + pause.every
      redis.call('HSET', PAUSES, pauses[i], cjson.encode(pause))
    end
  end
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
  redis.call('XTRIM', EVENTS, 'MINID', oldest_event())
end

local function due_batch(batch)
  local b = redis.call('HMGET', batch_key(batch), 'state', 'pending', 'fill_until', 'stale', 'ended')
  local fill_until = tonumber(b[3] or '0')
  if not b[1] then
    redis.call('ZREM', DUE, batch)
  elseif b[1] == 'completed' and not b[4] then
    local until_ms = math.max(tonumber(b[5]) + retention(), fill_until)
    if until_ms > now then redis.call('ZADD', DUE, int(until_ms), batch) else remove_page(batch) end
  elseif b[4] then
    claim(batch_key(batch), batch, DUE, 'finish')
  elseif tonumber(b[2]) > 0 then
    redis.call('ZREM', DUE, batch) -- its last edit brings it back
  elseif fill_until > now then
    redis.call('ZADD', DUE, int(fill_until), batch)
  else
    redis.call('HSET', batch_key(batch), 'state', 'finishing')
    claim(batch_key(batch), batch, DUE, 'finish')
  end
end

local function due_edit(id, allowed, grace)
  local e = redis.call('HMGET', edit_key(id), 'state', 'intent', 'holder', 'begun', 'rescues')
  local state = e[1]
  if e[3] and now < grace then
    redis.call('ZADD', DUE, int(grace), id)
  elseif (e[4] or e[5]) and not rescue(id, e[4]) then
    return allowed
  elseif state == 'queued' then
    make_ready(id)
  elseif state == 'submitting' and not e[2] then
    requeue(id, state) -- claimed and never sent: its worker is gone
  elseif state == 'submitting' then
    if allowed <= 0 then
      redis.call('ZADD', DUE, int(now + 1000), id)
      return allowed
    end
    claim_edit(id, 'submit')
    return allowed - 1
  elseif state == 'waiting' or state == 'copying' then
    claim_edit(id, 'poll')
  else
    redis.call('ZREM', DUE, id)
  end
  return allowed
end

local allowed, paused = allowed_submits()
local grace = grace_until()
for _, member in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, polls)) do
  if is_edit(member) then
    allowed = due_edit(member, allowed, grace)
  else
    due_batch(member)
  end
end

local used = tonumber(redis.call('HGET', STATE, 'places') or '0')
if allowed > 0 and used < places then
  local ready = redis.call('ZRANGE', READY, 0, allowed - 1, 'WITHSCORES')
  for i = 1, #ready, 2 do
    local id = ready[i]
    local samples = tonumber(redis.call('HGET', edit_key(id), 'samples') or '1')
    if used > 0 and used + samples > places then break end
    used = used + samples
    redis.call('ZREM', READY, id)
    redis.call('HSET', STATE, 'virtual', ready[i + 1])
    redis.call('HINCRBY', STATE, 'places', samples)
    redis.call('HSET', edit_key(id), 'places', samples)
    set_state(id, 'queued', 'submitting')
    claim_edit(id, 'submit')
  end
  if paused > 0 and #ready > 0 then push_probes_on() end
end

if deliveries > 0 then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', OUTBOX, '-inf', int(now), 'LIMIT', 0, deliveries)) do
    claim(delivery_key(member), member, OUTBOX, 'announce')
  end
end

local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return { first[2] and int(tonumber(first[2])) or '-1', paused, claims }
