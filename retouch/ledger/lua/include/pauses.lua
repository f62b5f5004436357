-- Why the workers send no requests, and the time that does not count because of it.
-- include: clock

local PROBE_MAX_MS = 30000 -- between two probes
-- Causes for which nothing at all is sent, polls included; the others stop what costs money.
local SILENCING = { [CAUSE.outage] = true, [CAUSE.throttled] = true }

-- All pauses in force: cause → { reason, since, touched, until, every }.
local function pauses()
  local found, raw = {}, redis.call('HGETALL', PAUSES)
  for i = 1, #raw, 2 do found[raw[i]] = cjson.decode(raw[i + 1]) end
  return found
end

local function write_pause(cause, pause) redis.call('HSET', PAUSES, cause, cjson.encode(pause)) end

-- The last refusal, for people.
local function note_refusal(reason) redis.call('HSET', STATE, 'refusal', reason, 'refused_at', int(now)) end

-- The time that counts for deadlines: it stands still during an outage.
local function healthy_now()
  local total = tonumber(redis.call('HGET', STATE, 'outage_ms') or '0')
  local open = redis.call('HGET', PAUSES, CAUSE.outage)
  if open then total = total + now - cjson.decode(open).since end
  return now - total
end
