-- Take work that is due, under a lease: each claim's appointment moves to now + lease and its fence rises.
-- ARGV: now, lease_ms, holder, submits, polls, deliveries to the sinks of batches (how many of each at most), places (images at the API; 0:
--   learned from the API's responses), ms between requests, between submits, between polls (0: not paced), policy
--   (POLICY) for what may have been sent before, '1' to ask the API whether it answers, the worker's sinks,
--   each with how many deliveries at most (`NAME=MOST`, comma separated).
-- Returns { next appointment in ms or -1, now, pauses as { name, end of a Retry-After in ms or 0, reason }…, when to ask the API whether
--   it answers at all (0: at once; -1: not), claims as { id, fence, step, when to send in ms }… }.
-- Emits retouch.edit.failed for an edit that has ended its workers too often, retouch.edit.cancelled for one that may have
--   been sent before its batch was cancelled.
-- Changes the claimed edits, batches and deliveries (fence, holder), DUE, the outboxes, the sinks (held, flight), READY, STATE, PAUSES, parked; and up to
--   a page of what CHORES has: removes batches whose retention is over, brings parked edits back.
-- include: buffer clock edits batches rescue chores pauses money ramp places deliveries
local lease, holder = tonumber(ARGV[2]), ARGV[3]
local leased_until = int(now + lease)
local submits, polls, deliveries, places = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local policy, auto = ARGV[11], places == 0
local claims = {}

-- `fence`: that of the claim before.
local function claim(key, member, clock_key, step, at, fence)
  fence = int((fence or 0) + 1)
  buffer.hset(key, 'fence', fence, 'holder', holder)
  buffer.zadd(clock_key, leased_until, member)
  claims[#claims + 1] = { member, fence, step, at == 0 and '0' or int(at) }
  return fence
end

local function claim_edit(id, step, at, fence) return claim(edit_key(id), id, DUE, step, at, fence) end

local function claim_other(key, member, clock_key, step)
  buffer.hdel(key, 'begun') -- of an edit it says that its worker died; nothing is made of that here
  claim(key, member, clock_key, step, 0, redis.call('HGET', key, 'fence'))
end

-- Workers claim ten times a second. Nobody has for half a lease: either no worker was there, or none could reach this
-- server. In the latter case no claim was renewed, and they come back with answers to settle, so every claim gets one more
-- lease before another may have it. A claim is renewed when a third of its lease is over, so less cannot end one.
local function grace_until()
  local s = redis.call('HMGET', STATE, 'claimed_at', 'grace_until')
  local grace = tonumber(s[2] or '0')
  if s[1] and now - tonumber(s[1]) > lease / 2 then
    grace = now + lease
    redis.call('HSET', STATE, 'grace_until', int(grace))
  end
  redis.call('HSET', STATE, 'claimed_at', NOW)
  return grace
end

-- How many requests of a kind may be sent: as many as the worker asked for; during a pause none, or one probe.
local left = { submit = submits, status = math.ceil(polls * ramp('status')) }
local known, in_force, paused_until = pauses(), {}, {}

local function door_open(pause) return pause.door > pause.touched or now >= pause.forced end

if known[DAILY] and money.day_is_over(known[DAILY]) then
  end_pause(DAILY, known[DAILY])
  known[DAILY] = nil
end

for name, pause in pairs(known) do
  local kind = pause_kind(name)
  in_force[kind] = true
  paused_until[kind] = math.max(paused_until[kind] or now + 1000, looked_at(pause))
  local probe = pause.every > 0 and pause['until'] <= now and (not pause.forced or kind ~= 'submit' or door_open(pause))
  left[kind] = math.min(left[kind], probe and 1 or 0)
end

-- The time slot for one request; nil: none is free within REACH_MS; 0: now, because there is no rate limit.
local interval = { all = tonumber(ARGV[8]), submit = tonumber(ARGV[9]), status = tonumber(ARGV[10]) }
local paced = interval.all + interval.submit + interval.status > 0
local LEAD_MS, REACH_MS = 60, 250 -- on the way to a worker; how far ahead places are given
local slots = {}
if paced then
  local s = redis.call('HMGET', STATE, 'slot', 'slot:submit', 'slot:poll')
  local names = { 'all', 'submit', 'status' }
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
  left[kind] = in_force[kind] and 0 or left[kind] - 1
  return at
end

-- A probe of a kind goes: the next one is later, twice as long after it as this one was. `claimed`: an edit is the probe.
-- `blamed`: it was refused before, and backs off by itself; another's probe is not put off for it.
local function push_probes_on(kind, claimed, blamed)
  for name, pause in pairs(known) do
    if pause_kind(name) == kind and pause.every > 0 and pause['until'] <= now then
      if not blamed then pause.every = math.min(pause.every * 2, PROBE_MAX_MS) end
      pause['until'] = now + pause.every
      if claimed and pause.forced and now >= pause.forced then
        pause.forced_every = math.min(pause.forced_every * 2, FORCED_MAX_MS)
        pause.forced = now + pause.forced_every
      end
      write_pause(name, pause)
    end
  end
end

local function claim_request(id, step, kind, at, fence)
  fence = claim_edit(id, step, at, fence)
  if not in_force[kind] then return end
  buffer.hset(edit_key(id), 'probe', fence) -- with the claim: the next probe may go before this one is begun
  push_probes_on(kind, true, redis.call('HEXISTS', edit_key(id), 'strikes') == 1)
end

local function is_edit(member) return string.find(member, '/', 1, true) ~= nil end

local function due_batch(batch)
  local b = redis.call('HMGET', batch_key(batch), 'state', 'pending', 'fill_until', 'stale', 'expires', 'unsealed', 'sealing')
  local fill_until = tonumber(b[3] or '0') -- until when more edits may come, whoever has sealed it
  if not b[1] then
    redis.call('ZREM', DUE, batch)
  elseif b[1] == 'completed' and not b[4] then
    redis.call('ZREM', DUE, batch)
    redis.call('ZADD', CHORES, b[5], batch) -- an older program had it removed from here
  elseif b[4] then
    claim_other(batch_key(batch), batch, DUE, 'finish')
  elseif tonumber(b[2]) > 0 or (b[6] and not b[7]) then
    redis.call('ZREM', DUE, batch) -- its last edit, or its seal, brings it back
  elseif b[6] then
    seal(batch, 'nobody') -- the other producers may have died
  elseif fill_until > now then
    redis.call('ZADD', DUE, int(fill_until), batch)
  else
    redis.call('HSET', batch_key(batch), 'state', 'finishing')
    claim_other(batch_key(batch), batch, DUE, 'finish')
  end
end

local is_it_there = false -- ask the API

do -- what is due: in a block of its own, since Lua takes 200 local variables at a time
  -- What may be paid for already is sent again when another submit was taken since, or when that is waited for in vain and the
  -- API answers a status since; a worker is to ask for one. An API of which no status ever answers gets it two minutes later.
  local SPARED_MS, SPARED_MUTE_MS = 15000, 120000
  local function waits_alone(e)
    local sent_at, alone = tonumber(e.sent_at or '0'), tonumber(e.alone or '0')
    if alone == 0 or worked('submit') >= sent_at then return false end
    if now < alone then return true end
    local answered_at = math.max(worked('status'), tonumber(redis.call('HGET', STATE, 'answered_at') or '0'))
    if e.said or answered_at >= sent_at or now >= alone + SPARED_MUTE_MS then return false end
    is_it_there = true
    return true
  end

  -- In an outage a probe is another edit's, while there is one, and this one's only when the outage is no blip, or the API was
  -- away as a whole and is back: a second silence would end it.
  local function spared()
    if not in_force.submit then return false end
    if redis.call('ZCARD', READY) > 0 then return true end
    local outage = policy ~= POLICY.idempotent and known[pause_name('submit', CAUSE.outage)]
    if not outage or outage.back > outage.touched then return false end
    return now - outage.since < (outage.mute and SPARED_MUTE_MS or SPARED_MS)
  end

  local OF_INTENT = { 'intent', 'sent_at', 'resent', 'said', 'alone' }
  -- An edit that may have been sent. `e.resent`: after silence before; `e.said`: at last it was answered with an error.
  local function due_intent(id, fence)
    local e, raw = { fence = fence }, redis.call('HMGET', edit_key(id), unpack(OF_INTENT))
    for n, name in ipairs(OF_INTENT) do e[name] = raw[n] end
    local b = redis.call('HMGET', batch_key((split(id))), 'cancelled', 'paused')
    if b[1] then return end_edit(id, 'submitting', 'cancelled', nil, UNANSWERED) end
    -- begin_submit decides about an edit that is surely not sent again: that needs no permission.
    local held = policy == POLICY.hold and e.intent ~= 'retried'
    if held or (policy == POLICY.resubmit and e.resent and not e.said) then return claim_edit(id, 'submit', 0, e.fence) end
    local waits = b[2] or (policy ~= POLICY.idempotent and waits_alone(e))
    local at = not (waits or spared()) and leave('submit')
    if at then
      claim_request(id, 'submit', 'submit', at, e.fence)
    elseif waits or in_force.submit then
      redis.call('ZADD', DUE, int(waits and now + 1000 or paused_until.submit), id)
    end
  end

  local function due_poll(id, provider_id, fence)
    if not provider_id then return claim_edit(id, 'poll', 0, fence) end -- its links are all there is: the API is not asked
    local at = leave('status')
    if at then
      claim_request(id, 'poll', 'status', at, fence)
    elseif in_force.status and left.status <= 0 then
      redis.call('ZADD', DUE, int(paused_until.status), id)
    end
  end

  local function due_edit(id, grace)
    local state, holder, begun, rescues, provider_id, fence =
      unpack(redis.call('HMGET', edit_key(id), 'state', 'holder', 'begun', 'rescues', 'provider_id', 'fence'))
    if holder and now < grace then
      buffer.zadd(DUE, int(grace), id)
    elseif (begun or rescues) and not rescue(id, begun) then
      return
    elseif state == 'queued' then
      make_ready(id)
    elseif state == 'submitting' and redis.call('HEXISTS', edit_key(id), 'intent') == 0 then
      journal.record(id, nil, MARK.taken_over, nil, holder)
      requeue(id, state) -- claimed and never sent: its worker is gone
    elseif state == 'submitting' then
      due_intent(id, fence)
    elseif state == 'waiting' or state == 'copying' then
      due_poll(id, provider_id, fence)
    else
      redis.call('ZREM', DUE, id)
    end
  end

  local grace = grace_until()
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', NOW, 'LIMIT', 0, polls)) do
    if is_edit(member) then due_edit(member, grace) else due_batch(member) end
  end
end

if auto then
  redis.call('HSETNX', STATE, 'limit', FIRST_LIMIT)
  places = limit()
end
places = math.max(1, math.floor(places * ramp('submit')))
redis.call('HSET', STATE, 'allowed', places)
local used = tonumber(redis.call('HGET', STATE, 'places') or '0')

-- The edits to submit next, with their places in the order. A probe is one that was not refused, while there is one.
local function next_in_order()
  local PROBES_TO_CHOOSE_FROM = 50
  if not in_force.submit then return redis.call('ZRANGE', READY, 0, left.submit - 1, 'WITHSCORES') end
  local found, blamed = {}, {}
  local front = redis.call('ZRANGE', READY, 0, PROBES_TO_CHOOSE_FROM - 1, 'WITHSCORES')
  for i = 1, #front, 2 do
    local list = redis.call('HEXISTS', edit_key(front[i]), 'strikes') == 1 and blamed or found
    list[#list + 1], list[#list + 2] = front[i], front[i + 1]
  end
  for _, part in ipairs(blamed) do found[#found + 1] = part end
  return found
end

local paused_batches = {}
local function is_paused(batch)
  if paused_batches[batch] == nil then paused_batches[batch] = redis.call('HEXISTS', batch_key(batch), 'paused') == 1 end
  return paused_batches[batch]
end

local parked, begun, virtual = 0, 0, nil -- edits set aside; places taken; where the order stands
local function park(id, score)
  redis.call('ZREM', READY, id)
  redis.call('ZADD', parked_key((split(id))), score, id)
  parked = parked + 1
end

-- Claim submits from the front; returns true when edits were parked, so that others stand at the front now.
local function claim_submits()
  local before, ready = parked, next_in_order()
  for i = 1, #ready, 2 do
    local id, score = ready[i], ready[i + 1]
    if is_paused((split(id))) then
      if parked >= PAGE then return false end
      park(id, score)
    else
      local e = redis.call('HMGET', edit_key(id), 'samples', 'at', 'fence')
      local samples = tonumber(e[1] or '1')
      if used > 0 and used + samples > places and not in_force.submit then return false end
      local at = leave('submit')
      if not at then return false end
      used, begun = used + samples, begun + samples
      buffer.zrem(READY, id)
      if not in_force.submit or i == 1 then virtual = score end
      buffer.hset(edit_key(id), 'places', samples)
      set_state(id, 'queued', 'submitting', e[2])
      claim_request(id, 'submit', 'submit', at, e[3])
    end
  end
  return parked > before
end

-- A probe goes even where no place is free: the edits that hold them may be those that were not answered.
while left.submit > 0 and (used < places or in_force.submit) and claim_submits() do end
if begun > 0 then redis.call('HINCRBY', STATE, 'places', begun) end
if virtual then redis.call('HSET', STATE, 'virtual', virtual) end

-- An outage of which no edit's status tells the end: a worker asks for the status of no edit at all, which costs nothing.
-- Returns when to ask; -1: not.
local function ask_at()
  local outage, silence = known[pause_name('submit', CAUSE.outage)], known[pause_name('status', CAUSE.outage)]
  local unanswered = outage and outage['until'] <= now and (left.submit > 0 or not door_open(outage))
  local unprobed = silence and silence['until'] <= now and left.status > 0
  local asks = ARGV[12] == '1'
  if is_it_there and not silence and now - tonumber(redis.call('HGET', STATE, 'asked_at') or '0') >= OUTAGE_PROBE_MS then
    redis.call('HSET', STATE, 'asked_at', NOW)
    asks = true
  end
  local throttled = known[pause_name('status', CAUSE.throttled)]
  if not (unanswered or unprobed or asks) or (throttled and throttled['until'] > now) then return -1 end
  local at = slot('status')
  if at and unanswered then push_probes_on('submit', false) end
  if at and unprobed then push_probes_on('status', false) end
  return at or -1
end
local ask = ask_at()
if paced then
  redis.call('HSET', STATE, 'slot', int(slots.all), 'slot:submit', int(slots.submit), 'slot:poll', int(slots.status))
end

-- Of a sink that is held one delivery is made when its time has come; the next one later, twice as long after it as this one was.
local function put_probe_off(name, sink)
  sink.held['until'] = now + sink.held.every
  sink.held.every = math.min(2 * sink.held.every, HELD_MAX_MS)
  write_sink(name, sink)
end

local function claim_deliveries(name, most, sink)
  if most <= 0 or sink.gone or (sink.held and sink.held['until'] > now) then return 0 end
  local due = redis.call('ZRANGEBYSCORE', outbox_key(name), '-inf', NOW, 'LIMIT', 0, sink.held and 1 or most)
  for _, member in ipairs(due) do
    claim_other(delivery_key(member), member, outbox_key(name), 'announce')
    redis.call('PEXPIRE', delivery_key(member), EVENTS_KEPT_MS) -- its sink may be dropped
  end
  if sink.held and #due > 0 then put_probe_off(name, sink) end
  return #due
end

-- To the sinks of batches, that any worker delivers to: few at a time to each, whatever is due.
local function claim_own(name, most)
  local sink = sink_named(name)
  if not sink then
    redis.call('ZREM', NOTIFYING, name)
    return 0
  end
  local under_way = sink.flight and sink.flight['until'] > now and sink.flight.count or 0
  local taken = claim_deliveries(name, math.min(most, FLIGHTS - under_way), sink)
  if taken > 0 then
    sink.flight = { count = under_way + taken, ['until'] = now + FLIGHT_MS }
    write_sink(name, sink)
  end
  schedule(name, sink)
  return taken
end

for name, most in string.gmatch(ARGV[13], '([^,=]+)=(%d+)') do
  claim_deliveries(name, tonumber(most), sink_named(name) or {})
end
if deliveries > 0 then
  local SINKS_AT_ONCE = 32
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', NOTIFYING, '-inf', NOW, 'LIMIT', 0, SINKS_AT_ONCE)) do
    deliveries = deliveries - claim_own(name, deliveries)
  end
end

do_chores(PAGE - parked)
buffer.write()

local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
local names = {}
for name, pause in pairs(known) do names[#names + 1] = { name, int(pause.ends or 0), pause.reason } end
return { first[2] and int(tonumber(first[2])) or '-1', NOW, names, int(ask), claims }
