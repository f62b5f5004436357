-- How fast the API may be asked, decided for all workers at once. Put after moves.lua, before every script.
-- State: `slot`, `slot:submit`, `slot:poll` (when the next request of a kind may go, ms), `limit` (places found out),
-- `cut_at`, `fails` (troubles in a row), `closed_at` (end of the last outage), `outage_ms` (all outages together),
-- `refusal`, `refused_at` (the last one, for people).

local RAMP_MS = 12000 -- after an outage the flow comes back over this long
local PROBE_MAX_MS = 30000 -- between two probes
local OPEN_AFTER = 5 -- troubles in a row make an outage; fewer are single edits' bad luck
-- Causes for which nothing at all is sent, polls included; the others stop what costs money.
local SILENCING = { outage = true, throttled = true }

local function pauses()
  local found, raw = {}, redis.call('HGETALL', PAUSES)
  for i = 1, #raw, 2 do found[raw[i]] = cjson.decode(raw[i + 1]) end
  return found
end

local function write_pause(cause, pause) redis.call('HSET', PAUSES, cause, cjson.encode(pause)) end

-- The time that counts for deadlines: it stands still during an outage.
local function healthy_now()
  local total = tonumber(redis.call('HGET', STATE, 'outage_ms') or '0')
  local open = redis.call('HGET', PAUSES, 'outage')
  if open then total = total + now - cjson.decode(open).since end
  return now - total
end

-- From a tenth to all within RAMP_MS of the end of an outage.
local function ramp()
  local closed_at = tonumber(redis.call('HGET', STATE, 'closed_at') or '0')
  return math.min(1, 0.1 + 0.9 * math.max(0, now - closed_at) / RAMP_MS)
end

-- --- places found out -----------------------------------------------------------------------------

local FIRST_LIMIT = 8
local CUT_EVERY_MS = 2000 -- what was sent before a cut may still be refused after it

local function limit() return tonumber(redis.call('HGET', STATE, 'limit') or FIRST_LIMIT) end

-- The API took something while its places were in use: a whole round of answers makes one place more.
local function grow_limit()
  if redis.call('HEXISTS', STATE, 'limit') == 0 then return end -- the number of places is given
  local used, found = tonumber(redis.call('HGET', STATE, 'places') or '0'), limit()
  local s = redis.call('HMGET', STATE, 'result_ms', 'quick_ms')
  local slower = s[1] and tonumber(s[1]) > 1.5 * tonumber(s[2]) + 500
  if used >= 0.75 * found and not slower then
    redis.call('HSET', STATE, 'limit', string.format('%.3f', found + 1 / found))
  end
end

local function cut_limit()
  if redis.call('HEXISTS', STATE, 'limit') == 0 then return end
  local cut_at = tonumber(redis.call('HGET', STATE, 'cut_at') or '0')
  if now - cut_at < CUT_EVERY_MS then return end
  redis.call('HSET', STATE, 'limit', string.format('%.3f', math.max(1, limit() / 2)), 'cut_at', int(now))
end

-- How long results take, lately and at best: places beyond what the provider works on at once only make it slower.
local function note_result(edit)
  local submitted_at = tonumber(redis.call('HGET', edit, 'submitted_at') or '')
  if not submitted_at then return end -- nothing is known of how long it took; the settlement is as good as any
  local took = now - submitted_at
  local s = redis.call('HMGET', STATE, 'result_ms', 'quick_ms')
  local lately = s[1] and 0.9 * tonumber(s[1]) + 0.1 * took or took
  local quick = s[2] and math.min(tonumber(s[2]) * 1.001, lately) or took
  redis.call('HSET', STATE, 'result_ms', int(lately), 'quick_ms', int(quick))
end
