-- Deliveries: each is of one event to one sink, `SINK/EVENT`. A sink's outbox holds those that are to be made, by their times;
-- `undelivered` those that were tried in vain or given up, in the order of their events.
-- The sinks of the installation are named by its workers (SINKS). A batch may have one of its own, `notify:BATCH` (NOTIFY):
-- any worker delivers to it, and it goes with its batch. NOTIFYING has these by the time at which they are to be looked at.
-- include: clock

local HELD_MAX_MS = 300000 -- between two deliveries to a sink that is held
local FLIGHTS, FLIGHT_MS = 10, 30000 -- deliveries to a batch's own sink at a time; when those of a dead worker are over

local function sink_of(member) return (string.match(member, '^[^/]+')) end

local function outbox_of(member) return outbox_key(sink_of(member)) end

local function notified_batch(name)
  if string.sub(name, 1, #NOTIFY_PREFIX) == NOTIFY_PREFIX then return string.sub(name, #NOTIFY_PREFIX + 1) end
end

-- The sinks of the installation: NAME → { seen, shown, types, gone, held, fails, delivered, failed, replay }. `seen`: when a worker
-- that has it was last seen; `shown`: what people are told of it; `gone`: { since, reason }, if its receiver said that it is not
-- there any more; `held`: { since, reason, until, every }, while it takes nothing; `fails`: in a row; `delivered`: how many;
-- `failed`: { at, reason } of the last; `replay`: { at, from } of the last (ms). A batch's own has `url`, and `flight`: { count,
-- until }, what is under way.
local function sinks()
  local found, raw = {}, redis.call('HGETALL', SINKS)
  for i = 1, #raw, 2 do found[raw[i]] = cjson.decode(raw[i + 1]) end
  return found
end

local function sink_named(name)
  local batch = notified_batch(name)
  local text = batch and redis.call('HGET', NOTIFY, batch) or not batch and redis.call('HGET', SINKS, name)
  return text and cjson.decode(text)
end

local function write_sink(name, sink)
  local batch = notified_batch(name)
  redis.call('HSET', batch and NOTIFY or SINKS, batch or name, cjson.encode(sink))
end

-- When a batch's own sink is next looked at: with its next delivery, and not before it may have one.
local function schedule(name, sink)
  if not notified_batch(name) then return end
  local head = redis.call('ZRANGE', outbox_key(name), 0, 0, 'WITHSCORES')[2]
  if not head or sink.gone then return redis.call('ZREM', NOTIFYING, name) end
  local full = sink.flight and sink.flight.count >= FLIGHTS and sink.flight['until'] or 0
  redis.call('ZADD', NOTIFYING, int(math.max(tonumber(head), full, sink.held and sink.held['until'] or 0)), name)
end

-- A sink that was given up on is tried again: by a start, or by a person.
local function try_anew(sink) sink.gone, sink.held, sink.fails = nil, nil, nil end

-- Remove a sink and all that waits for it. The hashes of its deliveries end by themselves.
local function drop_sink(name)
  local batch = notified_batch(name)
  redis.call('UNLINK', outbox_key(name), undelivered_key(name))
  redis.call('HDEL', batch and NOTIFY or SINKS, batch or name)
  redis.call('ZREM', NOTIFYING, name)
end

-- The time of a delivery's event (ms), with a fraction that tells apart those of the same ms.
local function event_place(member)
  local ms, n = string.match(member, '/(%d+)%-(%d+)$')
  return string.format('%.12f', tonumber(ms) + math.min(tonumber(n), 4095) / 4096)
end

-- No event from before this time (ms) is to be delivered any more. The events of a batch stay as long as the batch, and so for
-- its own sink.
local IN_WORK_MS = 2 * 86400000 -- an event is no older than its first time in the outbox, less this
local REPLAYED_MS = 86400000 -- in which a replay is delivered; it may have older events
local function delivered_until()
  local before, found = now, sinks()
  for name, sink in pairs(found) do
    local first = redis.call('ZRANGE', undelivered_key(name), 0, 0, 'WITHSCORES')[2]
    local next = redis.call('ZRANGE', outbox_key(name), 0, 0, 'WITHSCORES')[2]
    before = math.min(before, tonumber(first or now), next and math.min(now, tonumber(next)) - IN_WORK_MS or now)
    if sink.replay and now - sink.replay.at < REPLAYED_MS then before = math.min(before, sink.replay.from) end
  end
  return redis.call('EXISTS', OLD_OUTBOX) == 1 and before - IN_WORK_MS or before
end
