-- End the claim on a delivery: by its OUTCOME it is made, made again later, or given up; then a person may have it made again.
-- ARGV: now, then per delivery: member, fence, outcome, delay_ms (until it is made again), reason, how long the receiver asks to
--   wait with all (ms; 0: it does not).
-- Returns per item (DeliverySettled): 0 refused, 1 settled, and with it: 2 the sink is gone, 3 it is held, 4 it is held no more.
-- Changes the outbox, undelivered, the deliveries (tries, reason, since), the sinks (gone, held, fails, delivered, failed).
-- include: clock deliveries

-- A sink in trouble is left alone but for one delivery now and then (ms), so that a dead one costs nothing and its events
-- keep their tries.
local FAILS_TO_HOLD, HELD_MIN_MS = 5, 5000

local verdicts, touched = {}, {}

local function touch(name)
  touched[name] = touched[name] or sink_named(name) or {}
  return touched[name]
end

-- What was put off while the sink took nothing is made now; what is under way is left alone.
local function bring_forward(name)
  local later = redis.call('ZRANGEBYSCORE', outbox_key(name), '(' .. NOW, '+inf', 'LIMIT', 0, PAGE)
  for _, member in ipairs(later) do
    if redis.call('HEXISTS', delivery_key(member), 'holder') == 0 then redis.call('ZADD', outbox_key(name), NOW, member) end
  end
end

local function count_made(name)
  local sink = touch(name)
  sink.delivered, sink.fails = (sink.delivered or 0) + 1, nil
  if not sink.held then return 1 end
  sink.held = nil
  bring_forward(name)
  return 4
end

local function count_failed(name, outcome, reason, wait)
  local sink = touch(name)
  sink.fails, sink.failed = (sink.fails or 0) + 1, { at = now, reason = reason }
  if outcome == OUTCOME.gone then
    local first = not sink.gone
    sink.gone = sink.gone or { since = now, reason = reason }
    return first and 2 or 1
  end
  local held, before = sink.held, sink.held
  if not held and (sink.fails >= FAILS_TO_HOLD or wait > 0) then
    held = { since = now, every = HELD_MIN_MS, ['until'] = now + HELD_MIN_MS }
  end
  if held then
    held.reason, held['until'] = reason, math.max(held['until'], now + wait)
    sink.held = held
  end
  return held and not before and 3 or 1
end

local function not_made(member, key, outcome, delay, reason)
  redis.call('HINCRBY', key, 'tries', 1)
  redis.call('HSETNX', key, 'since', NOW)
  redis.call('HSET', key, 'reason', reason)
  redis.call('HDEL', key, 'holder', 'begun')
  redis.call('ZADD', undelivered_key(sink_of(member)), event_place(member), member)
  if outcome == OUTCOME.again then
    redis.call('ZADD', outbox_of(member), int(now + delay), member)
  else
    redis.call('ZREM', outbox_of(member), member)
  end
end

local function settle(member, fence, outcome, delay, reason, wait)
  local key, name = delivery_key(member), sink_of(member)
  local d = redis.call('HMGET', key, 'fence', 'since', 'holder')
  if d[1] ~= fence or not d[3] then return 0 end -- without a holder it is settled: the answer was lost, and the call made again
  if not redis.call('ZSCORE', outbox_key(name), member) then -- the sink was dropped meanwhile
    redis.call('DEL', key)
    return 0
  end
  local flight = touch(name).flight
  if flight then flight.count = math.max(0, flight.count - 1) end
  if outcome == OUTCOME.delivered then
    redis.call('ZREM', outbox_key(name), member)
    if d[2] then redis.call('ZREM', undelivered_key(name), member) end
    redis.call('DEL', key)
    return count_made(name)
  end
  not_made(member, key, outcome, delay, reason)
  return count_failed(name, outcome, reason, wait)
end

for i = 2, #ARGV, 6 do
  verdicts[#verdicts + 1] = settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], tonumber(ARGV[i + 5]))
end
for name, sink in pairs(touched) do
  if sink_named(name) then
    write_sink(name, sink)
    schedule(name, sink)
  end
end
return verdicts
