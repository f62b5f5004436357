-- Why the workers do not send requests of a kind (submit, status), and the time that does not count because of it.
-- include: clock events

local PROBE_MAX_MS = 30000 -- between two probes
local OUTAGE_PROBE_MS = 1000
local DAILY = 'submit:' .. CAUSE.budget -- the pause when the money of the day is used up
local FORCED_MS, FORCED_MAX_MS = 60000, 600000 -- between submits that try an API of which no status answers

-- All pauses in force: KIND:CAUSE → { reason, since, touched, until, every, … }. `until` is the next probe, `every` the ms
-- between probes (0: there is none). More of a throttled one: `ends`; of an outage of submits: `door`, when a status was
-- last answered, `mute`, statuses are not answered either, `back`, when one was after that, `forced`, when a submit may go
-- all the same, `forced_every`; of the store: `by` (store, fetch); of a day's budget: `most`, in micro-units (text).
local function pauses()
  local found, raw = {}, redis.call('HGETALL', PAUSES)
  for i = 1, #raw, 2 do found[raw[i]] = cjson.decode(raw[i + 1]) end
  return found
end

-- When what a pause holds back is due again. That of a day's budget may end before its time, when the budget is raised.
local LOOK_MS = 60000
local function looked_at(pause) return pause.most and math.min(pause['until'], now + LOOK_MS) or pause['until'] end

local function pause_kind(name) return string.match(name, '^[^:]+') end

-- When requests of a kind that are held back are due again (nil: none is), and whether probes are held back as well.
local function held_back_until(kind)
  local due, waits = nil, false
  for name, pause in pairs(pauses()) do
    if pause_kind(name) == kind then
      due = math.max(due or 0, now + 1000, looked_at(pause))
      waits = waits or (pause.ends or 0) > now -- a Retry-After
    end
  end
  return due, waits
end

local function pause_name(kind, cause) return kind .. ':' .. cause end

local function write_pause(name, pause) redis.call('HSET', PAUSES, name, cjson.encode(pause)) end

-- When the latest request of a kind that was answered well was sent; a time to come (the clock was set back) counts as none.
local function worked(kind)
  local at = tonumber(redis.call('HGET', WORKED, kind) or '0')
  return at <= now and at or 0
end

-- The last refusal, for people.
local function note_refusal(reason) redis.call('HSET', STATE, 'refusal', reason, 'refused_at', NOW) end

local function tell_of_pause(event, name, reason)
  local kind, cause = string.match(name, '^([^:]+):(.+)$')
  emit(event, name, cjson.encode({ kind = kind, cause = cause, reason = reason }))
end

-- Begin a pause or confirm one: it is `touched` now, so that an answer to what was sent before does not end it.
-- `more`: fields of a new one. Returns the pause, and whether it is new.
local function touch_pause(name, reason, every, more)
  local text = redis.call('HGET', PAUSES, name)
  local pause = text and cjson.decode(text) or more or {}
  if not text then
    pause.since, pause.every, pause['until'] = now, every, now + every
    tell_of_pause('retouch.paused', name, reason)
  end
  pause.reason, pause.touched = reason, now
  write_pause(name, pause)
  return pause, not text
end

local function end_pause(name, pause)
  redis.call('HDEL', PAUSES, name)
  local kind = pause_kind(name)
  if kind == 'submit' then redis.call('HSET', STATE, 'waited', int(pause.since) .. ' ' .. NOW .. ' ' .. name) end
  if name == pause_name(kind, CAUSE.outage) then
    redis.call('HDEL', STATE, 'fails:' .. kind)
    redis.call('HSET', STATE, 'closed_at:' .. kind, NOW)
    if kind == 'status' then redis.call('HINCRBY', STATE, 'outage_ms', int(now - pause.since)) end
  end
  tell_of_pause('retouch.resumed', name, pause.reason)
end

-- The time that counts for deadlines: it stands still while no status can be had. An outage that begins or ends in this move
-- changes nothing of what it was until now.
local stood_still
local function healthy_now()
  if not stood_still then
    local open = redis.call('HGET', PAUSES, pause_name('status', CAUSE.outage))
    stood_still = tonumber(redis.call('HGET', STATE, 'outage_ms') or '0') + (open and now - cjson.decode(open).since or 0)
  end
  return now - stood_still
end
