-- How many images may be at the API where nobody has said (RETOUCH_MAX_IN_FLIGHT=auto): learned from its responses.
-- include: clock

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
