-- Take work that is due, under a lease: each claim's appointment moves to now + lease and its fence rises.
-- ARGV: now, lease_ms, holder, submits, polls, deliveries (how many of each at most), places (images at the API; 0:
--   learned from the API's responses), ms between requests, between submits, between polls (0: not paced), policy
--   (POLICY) for what may have been sent before.
-- Returns { next appointment in ms or -1, pauses in force, claims as { id, fence, step, when to send in ms }… }.
-- Emits retouch.edit.failed for an edit that has ended its workers too often.
-- Changes the claimed edits, batches and deliveries (fence, holder), DUE, OUTBOX, READY, STATE, PAUSES; removes a page of
--   a batch whose retention is over.
-- include: clock edits rescue removal pauses ramp places
local lease, holder = tonumber(ARGV[2]), ARGV[3]
local submits, polls, deliveries, places = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local policy, auto = ARGV[11], places == 0
local claims = {}

local function claim(key, member, clock_key, step, at)
  local fence = redis.call('HINCRBY', key, 'fence', 1)
  redis.call('HSET', key, 'holder', holder)
  redis.call('ZADD', clock_key, int(now + lease), member)
  claims[#claims + 1] = { member, fence, step, int(at) }
end

local function claim_edit(id, step, at) claim(edit_key(id), id, DUE, step, at) end

local function claim_other(key, member, clock_key, step)
  redis.call('HDEL', key, 'begun') -- of an edit it says that its worker died; nothing is made of that here
  claim(key, member, clock_key, step, 0)
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

-- How many requests may be sent: as many as the worker asked for; during a pause none, or one probe.
local left = { submit = submits, poll = math.ceil(polls * ramp()) }
local known, paused, probing, silenced = pauses(), 0, false, false
for cause, pause in pairs(known) do
  paused = paused + 1
  local probe = pause.every > 0 and pause['until'] <= now and 1 or 0
  left.submit = math.min(left.submit, probe)
  if SILENCING[cause] then
    silenced = true
    left.poll = math.min(left.poll, probe)
  end
end

-- The time slot for one request; nil: none is free within REACH_MS; 0: now, because there is no rate limit.
local interval = { all = tonumber(ARGV[8]), submit = tonumber(ARGV[9]), poll = tonumber(ARGV[10]) }
local paced = interval.all + interval.submit + interval.poll > 0
local LEAD_MS, REACH_MS = 60, 250 -- on the way to a worker; how far ahead places are given
local slots = {}
if paced then
  local s = redis.call('HMGET', STATE, 'slot', 'slot:submit', 'slot:poll')
  local names = { 'all', 'submit', 'poll' }
  for i, name in ipairs(names) do -- never further ahead than a slot can be given: the clock may have been set back
    slots[name] = math.min(tonumber(s[i] or '0'), now + LEAD_MS + REACH_MS + interval[name])
  end
end
local function slot(kind)
  if not paced then return 0 end
  local at = math.max(now + LEAD_MS, slots.all, slots[kind])
  if at > now + LEAD_MS + REACH_MS then return nil end
  slots.all, slots[kind] = at + interval.all, at + interval[kind]
  return at
end

-- Permission for one request of a kind: the time when it is to be sent; nil: not now.
local function leave(kind)
  if left[kind] <= 0 then return nil end
  local at = slot(kind)
  if not at then return nil end
  left[kind] = left[kind] - 1
  if paused > 0 and (kind == 'submit' or silenced) then
    probing = true
    left = { submit = 0, poll = silenced and 0 or left.poll }
  end
  return at
end

local function push_probes_on()
  for cause, pause in pairs(known) do
    if pause.every > 0 and pause['until'] <= now then
      pause.every = math.min(pause.every * 2, PROBE_MAX_MS)
      pause['until'] = now + pause.every
      write_pause(cause, pause)
    end
  end
end

local function is_edit(member) return string.find(member, '/', 1, true) ~= nil end

local function due_batch(batch)
  local b = redis.call('HMGET', batch_key(batch), 'state', 'pending', 'fill_until', 'stale', 'expires')
  local fill_until = tonumber(b[3] or '0')
  if not b[1] then
    redis.call('ZREM', DUE, batch)
  elseif b[1] == 'completed' and not b[4] then
    local until_ms = math.max(tonumber(b[5]), fill_until)
    if until_ms > now then redis.call('ZADD', DUE, int(until_ms), batch) else remove_page(batch) end
  elseif b[4] then
    claim_other(batch_key(batch), batch, DUE, 'finish')
  elseif tonumber(b[2]) > 0 then
    redis.call('ZREM', DUE, batch) -- its last edit brings it back
  elseif fill_until > now then
    redis.call('ZADD', DUE, int(fill_until), batch)
  else
    redis.call('HSET', batch_key(batch), 'state', 'finishing')
    claim_other(batch_key(batch), batch, DUE, 'finish')
  end
end

local function due_edit(id, grace)
  local e = redis.call('HMGET', edit_key(id), 'state', 'intent', 'holder', 'begun', 'rescues', 'resent')
  local state = e[1]
  if e[3] and now < grace then
    redis.call('ZADD', DUE, int(grace), id)
  elseif (e[4] or e[5]) and not rescue(id, e[4]) then
    return
  elseif state == 'queued' then
    make_ready(id)
  elseif state == 'submitting' and not e[2] then
    requeue(id, state) -- claimed and never sent: its worker is gone
  elseif state == 'submitting' or state == 'waiting' or state == 'copying' then
    local kind = state == 'submitting' and 'submit' or 'poll'
    -- An edit that may have been sent, and will not be sent again, needs no permission: begin_submit decides about it.
    local decided = kind == 'submit' and (policy == POLICY.hold or (policy == POLICY.resubmit and e[6]))
    local at = decided and 0 or leave(kind)
    if at then
      claim_edit(id, kind, at)
    elseif left[kind] <= 0 and paused > 0 then
      redis.call('ZADD', DUE, int(now + 1000), id)
    end
  else
    redis.call('ZREM', DUE, id)
  end
end

local grace = grace_until()
for _, member in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now), 'LIMIT', 0, polls)) do
  if is_edit(member) then due_edit(member, grace) else due_batch(member) end
end

if auto then
  redis.call('HSETNX', STATE, 'limit', FIRST_LIMIT)
  places = limit()
end
places = math.max(1, math.floor(places * ramp()))
redis.call('HSET', STATE, 'allowed', places)
local used = tonumber(redis.call('HGET', STATE, 'places') or '0')
if left.submit > 0 and used < places then
  local ready = redis.call('ZRANGE', READY, 0, left.submit - 1, 'WITHSCORES')
  for i = 1, #ready, 2 do
    local id = ready[i]
    local samples = tonumber(redis.call('HGET', edit_key(id), 'samples') or '1')
    if used > 0 and used + samples > places then break end
    local at = leave('submit')
    if not at then break end
    used = used + samples
    redis.call('ZREM', READY, id)
    redis.call('HSET', STATE, 'virtual', ready[i + 1])
    redis.call('HINCRBY', STATE, 'places', samples)
    redis.call('HSET', edit_key(id), 'places', samples)
    set_state(id, 'queued', 'submitting')
    claim_edit(id, 'submit', at)
  end
end
if probing then push_probes_on() end
if paced then
  redis.call('HSET', STATE, 'slot', int(slots.all), 'slot:submit', int(slots.submit), 'slot:poll', int(slots.poll))
end

if deliveries > 0 then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', OUTBOX, '-inf', int(now), 'LIMIT', 0, deliveries)) do
    claim_other(delivery_key(member), member, OUTBOX, 'announce')
  end
end

local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return { first[2] and int(tonumber(first[2])) or '-1', paused, claims }
