-- Deliveries: each is of one event to one sink, `SINK/EVENT`. A sink's outbox holds those that are to be made, by their times;
-- `undelivered` those that were tried in vain or given up, in the order of their events.
-- include: clock

local function sink_of(member) return (string.match(member, '^[^/]+')) end

local function outbox_of(member) return outbox_key(sink_of(member)) end

-- All known sinks: NAME → { seen, shown, gone }. `seen`: when a worker that has it was last seen; `shown`: what people are told
-- of it; `gone`: { since, reason }, if its receiver said that it is not there any more.
local function sinks()
  local found, raw = {}, redis.call('HGETALL', SINKS)
  for i = 1, #raw, 2 do found[raw[i]] = cjson.decode(raw[i + 1]) end
  return found
end

local function sink_named(name)
  local text = redis.call('HGET', SINKS, name)
  return text and cjson.decode(text)
end

local function write_sink(name, sink) redis.call('HSET', SINKS, name, cjson.encode(sink)) end

-- The time of a delivery's event (ms), with a fraction that tells apart those of the same ms.
local function event_place(member)
  local ms, n = string.match(member, '/(%d+)%-(%d+)$')
  return string.format('%.12f', tonumber(ms) + math.min(tonumber(n), 4095) / 4096)
end

-- No event from before this time (ms) is to be delivered any more.
local IN_WORK_MS = 2 * 86400000 -- an event is no older than its first time in the outbox, less this
local function delivered_until()
  local before, found = now, sinks()
  for name in pairs(found) do
    local first = redis.call('ZRANGE', undelivered_key(name), 0, 0, 'WITHSCORES')[2]
    local next = redis.call('ZRANGE', outbox_key(name), 0, 0, 'WITHSCORES')[2]
    before = math.min(before, tonumber(first or now), next and math.min(now, tonumber(next)) - IN_WORK_MS or now)
  end
  return redis.call('EXISTS', OLD_OUTBOX) == 1 and before - IN_WORK_MS or before
end
