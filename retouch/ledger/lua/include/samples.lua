-- How the API is used, a record a minute: SAMPLES, the oldest first. Of the minute that is under way SAMPLING has what the
-- heartbeats have seen, and `sums`, which were the sums at its begin. The numbers of a record: `retouch/ledger/samples.py`.
-- include: clock

-- As what a field of COUNTS is told, one of SAMPLED; or nothing.
local function sampled_as(field)
  local what, kind = string.match(field, '^(%w+):(%w+)')
  if what == 'ended' then return what .. ':' .. kind end
  if what == 'took' then return (string.match(field, ':ms$') and 'ms:' or 'answers:') .. kind end
  if what ~= 'submit' and what ~= 'status' then return field end
  if kind == '429' then return what .. ':throttled' end
  if kind == 'none' or kind == 'unreached' then return what .. ':silent' end
  local fares = { ['2'] = ':good', ['5'] = ':broken' }
  return what .. (fares[string.sub(kind, 1, 1)] or ':refused')
end

local function sampled_sums()
  local found, of, sums = redis.call('HGETALL', COUNTS), {}, {}
  for i = 1, #found, 2 do
    local name = sampled_as(found[i])
    of[name] = (of[name] or 0) + found[i + 1]
  end
  for i, name in ipairs(SAMPLED) do sums[i] = int(of[name] or 0) end
  return sums
end

local function submits_pause()
  for _, name in ipairs(redis.call('HKEYS', PAUSES)) do
    if string.sub(name, 1, 7) == 'submit:' then return 1 end
  end
  return 0
end

local function begin_minute(sums)
  redis.call('HSET', SAMPLING, 'began', int(now - now % SAMPLE_MS), 'looks', 0, 'places', 0, 'most', 0, 'allowed', 0, 'paused', 0,
    'sums', table.concat(sums, ' '))
end

local function end_minute(of)
  local sums, at, risen = sampled_sums(), 0, {}
  for before in string.gmatch(of[7], '%S+') do
    at = at + 1
    risen[at] = int(sums[at] - before)
  end
  local record = table.concat({ of[1], of[2], of[3], of[4], of[5], of[6], table.concat(risen, ' ') }, ' ')
  redis.call('RPUSH', SAMPLES, record)
  redis.call('LTRIM', SAMPLES, -SAMPLES_KEPT, -1)
  begin_minute(sums)
end

-- To be called with each heartbeat: of all workers together there is one a second or more.
local function look_at_use()
  local of = redis.call('HMGET', SAMPLING, 'began', 'looks', 'places', 'most', 'allowed', 'paused', 'sums')
  if not of[1] then
    begin_minute(sampled_sums())
  elseif of[1] ~= int(now - now % SAMPLE_MS) then
    end_minute(of)
  end
  local used, most = redis.call('HMGET', STATE, 'places', 'allowed'), redis.call('HGET', SAMPLING, 'most')
  local places = tonumber(used[1] or '0')
  redis.call('HINCRBY', SAMPLING, 'looks', 1)
  redis.call('HINCRBY', SAMPLING, 'places', int(places))
  redis.call('HINCRBY', SAMPLING, 'paused', submits_pause())
  redis.call('HSET', SAMPLING, 'most', int(math.max(places, tonumber(most))), 'allowed', used[2] or 0)
end
