-- End the claim on a delivery: by its OUTCOME it is made, made again later, or given up; then a person may have it made again.
-- ARGV: now, then per delivery: member, fence, outcome, delay_ms (until it is made again), reason.
-- Returns per item: 1 settled, 0 refused.
-- Changes the outbox, undelivered, the deliveries (tries, reason, since), SINKS (gone).
-- include: clock deliveries
local verdicts = {}

local function mark_gone(name, reason)
  local sink = sink_named(name)
  if not sink or sink.gone then return end
  sink.gone = { since = now, reason = reason }
  write_sink(name, sink)
end

local function not_made(member, key, outcome, delay, reason)
  redis.call('HINCRBY', key, 'tries', 1)
  redis.call('HSETNX', key, 'since', int(now))
  redis.call('HSET', key, 'reason', reason)
  redis.call('HDEL', key, 'holder', 'begun')
  redis.call('ZADD', undelivered_key(sink_of(member)), event_place(member), member)
  if outcome == OUTCOME.again then
    redis.call('ZADD', outbox_of(member), int(now + delay), member)
  else
    redis.call('ZREM', outbox_of(member), member)
    if outcome == OUTCOME.gone then mark_gone(sink_of(member), reason) end
  end
end

for i = 2, #ARGV, 5 do
  local member, fence, outcome, delay, reason = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4]
  local key = delivery_key(member)
  local d = redis.call('HMGET', key, 'fence', 'since', 'holder')
  local ours = d[1] == fence and d[3] -- without a holder it is settled: the answer was lost, and the call made again
  if ours and outcome == OUTCOME.delivered then
    redis.call('ZREM', outbox_of(member), member)
    if d[2] then redis.call('ZREM', undelivered_key(sink_of(member)), member) end
    redis.call('DEL', key)
  elseif ours then
    not_made(member, key, outcome, delay, reason)
  end
  verdicts[#verdicts + 1] = ours and 1 or 0
end
return verdicts
