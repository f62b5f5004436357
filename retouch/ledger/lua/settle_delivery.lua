-- End the claim on a delivery: delivered or given up (delay_ms -1), or to be tried again.
-- ARGV: now, then per delivery: member, fence, delay_ms.
-- Returns per item: 1 settled, 0 refused.
-- Changes OUTBOX and the deliveries.
-- include: clock
local verdicts = {}
for i = 2, #ARGV, 3 do
  local member, fence, delay = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local key = delivery_key(member)
  if redis.call('HGET', key, 'fence') ~= fence then
    verdicts[#verdicts + 1] = 0
  else
    if delay < 0 then
      redis.call('ZREM', OUTBOX, member)
      redis.call('DEL', key)
    else
      redis.call('HINCRBY', key, 'tries', 1)
      redis.call('HDEL', key, 'holder', 'begun')
      redis.call('ZADD', OUTBOX, int(now + delay), member)
    end
    verdicts[#verdicts + 1] = 1
  end
end
return verdicts
