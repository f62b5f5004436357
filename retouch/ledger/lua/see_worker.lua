-- Note that a worker lives, and its sinks. Events are delivered to the sinks of all workers together.
-- ARGV: now, name, seen_ms (a worker not seen for this long is removed), a random name, '1' if the worker has just started,
--   its settings that all workers must have alike (JSON), what it says of itself (JSON: { id, host, version, steps, took: { field of
--   COUNTS: how much it has risen }, settings: { variable: value } of the others }, or {}), then per sink of it: its name, what people are told of it, the types of
--   events that it asks for (as `wants` reads them).
-- Returns nothing.
-- Changes WORKERS, SETTINGS, CREW, SINKS, STATE (sinks, deployment); a page of each outbox and of what was given up; COUNTS; SAMPLES,
--   SAMPLING; BACKLOG and HALTED of a ledger whose programs kept none.
-- include: clock deliveries counts samples

-- A sink that no worker has named for so long was removed. A day, so that no event is lost to a worker that restarts, or is off
-- for a night, while others go on.
local SINK_KEPT_MS = 86400000

redis.call('ZADD', WORKERS, NOW, ARGV[2])
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', int(now - tonumber(ARGV[3])))
redis.call('HSET', SETTINGS, ARGV[2], ARGV[6])
for _, name in ipairs(redis.call('HKEYS', SETTINGS)) do
  if not redis.call('ZSCORE', WORKERS, name) then
    redis.call('HDEL', SETTINGS, name)
    redis.call('HDEL', CREW, name)
  end
end
redis.call('HSETNX', STATE, 'deployment', ARGV[4])
local journal = cjson.decode(ARGV[6])['RETOUCH_JOURNAL']
if journal then redis.call('HSET', STATE, 'journal', journal) end

local function hear(said)
  local before = cjson.decode(redis.call('HGET', CREW, ARGV[2]) or '{}')
  if said.id ~= before.id then -- else it comes a second time, its answer lost
    for field, n in pairs(said.took) do count(field, n) end
  end
  local since = ARGV[5] == '0' and before.since or now
  local kept = { id = said.id, host = said.host, version = said.version, steps = said.steps, since = since }
  kept.settings = said.settings
  redis.call('HSET', CREW, ARGV[2], cjson.encode(kept))
end
local said = cjson.decode(ARGV[7])
if said.id then hear(said) end

-- What the batches have is counted once, whatever moves before this one have added.
local function count_batches()
  local all, edits = redis.call('ZRANGE', BATCHES, 0, -1, 'WITHSCORES'), {}
  for i = 1, #all, 2 do
    local b = redis.call('HGETALL', batch_key(all[i]))
    for n = 1, #b, 2 do
      if string.sub(b[n], 1, 2) == 'n:' then edits[b[n]] = (edits[b[n]] or 0) + b[n + 1] end
    end
    file_backlog(all[i], tonumber(all[i + 1]))
  end
  for field, n in pairs(edits) do redis.call('HSET', COUNTS, field, int(n)) end
end
if redis.call('HSETNX', COUNTS, 'since', NOW) == 1 then count_batches() end
look_at_use()

local known = sinks()
local function see(name, shown, types)
  local sink = known[name] or {}
  sink.seen, sink.shown, sink.types = now, shown, types
  if ARGV[5] == '1' then try_anew(sink) end
  known[name] = sink
  write_sink(name, sink)
end

for name in string.gmatch(redis.call('HGET', STATE, 'sinks') or '', '([^,;]+)[^,]*') do
  if not known[name] then see(name, name, '') end -- an older version named it
end
for i = 8, #ARGV, 3 do see(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end

-- Older versions had one outbox for all.
local page = redis.call('ZRANGE', OLD_OUTBOX, 0, PAGE - 1, 'WITHSCORES')
for i = 1, #page, 2 do
  local name = sink_of(page[i])
  if not known[name] then see(name, name, '') end
  redis.call('ZREM', OLD_OUTBOX, page[i])
  redis.call('ZADD', outbox_of(page[i]), page[i + 1], page[i])
end

-- What was not delivered ends with its event.
local function end_with_events(key)
  local ended = redis.call('ZRANGEBYSCORE', key, '-inf', int(now - EVENTS_KEPT_MS), 'LIMIT', 0, PAGE)
  for _, member in ipairs(ended) do
    redis.call('ZREM', key, member)
    redis.call('ZREM', outbox_of(member), member)
    redis.call('DEL', delivery_key(member))
  end
end

for name, sink in pairs(known) do
  end_with_events(outbox_key(name))
  end_with_events(undelivered_key(name))
  if now - sink.seen >= SINK_KEPT_MS then
    known[name] = nil
    if redis.call('EXISTS', outbox_key(name), undelivered_key(name)) == 0 then redis.call('HDEL', SINKS, name) end
  end
end

local told = {} -- for `emit`: names with the types that they ask for
for name, sink in pairs(known) do told[#told + 1] = name .. (sink.types or '') end
table.sort(told)
redis.call('HSET', STATE, 'sinks', table.concat(told, ','))
buffer.write()
