-- How many images may be at the API where nobody has said (RETOUCH_MAX_IN_FLIGHT=auto): learned from its responses.
-- include: buffer clock

local FIRST_LIMIT = 8
local CUT_EVERY_MS = 2000 -- what was sent before a cut may still be refused after it

local function limit() return tonumber(redis.call('HGET', STATE, 'limit') or FIRST_LIMIT) end

local given -- whether the number of places is given, and not learned
-- The API took something while its places were in use: a whole round of answers makes one place more.
local function grow_limit()
  if given then return end
  local s = redis.call('HMGET', STATE, 'limit', 'places', 'result_ms', 'quick_ms')
  given = not s[1]
  if given then return end
  local found, slower = tonumber(s[1]), s[3] and tonumber(s[3]) > 1.5 * tonumber(s[4]) + 500
  if tonumber(s[2] or '0') >= 0.75 * found and not slower then
    buffer.hset(STATE, 'limit', string.format('%.3f', found + 1 / found))
  end
end

local function cut_limit()
  if redis.call('HEXISTS', STATE, 'limit') == 0 then return end
  local cut_at = tonumber(redis.call('HGET', STATE, 'cut_at') or '0')
  if now - cut_at < CUT_EVERY_MS then return end
  redis.call('HSET', STATE, 'limit', string.format('%.3f', math.max(1, limit() / 2)), 'cut_at', NOW)
end

-- How long results take, lately and at best: places beyond what the provider works on at once only make it slower.
local times -- as they were read, or written
local function note_result(submitted_at)
  if not submitted_at then return end -- nothing is known of how long it took; the settlement is as good as any
  local took = now - tonumber(submitted_at)
  times = times or redis.call('HMGET', STATE, 'result_ms', 'quick_ms')
  local lately = times[1] and 0.9 * tonumber(times[1]) + 0.1 * took or took
  local quick = times[2] and math.min(tonumber(times[2]) * 1.001, lately) or took
  times = { int(lately), int(quick) }
  buffer.hset(STATE, 'result_ms', times[1], 'quick_ms', times[2])
end
