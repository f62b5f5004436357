-- Begin steps of which nothing but the claim must be known: the end of a batch, a delivery. The lease begins anew.
-- ARGV: now, lease_ms, nonce, then per claim: member, fence, step.
-- Returns per claim: 1, or 0 (claim lost, settled, or begun by another call).
-- Changes the batches and deliveries (begun), DUE, the outboxes.
-- include: clock begun deliveries
local lease, nonce, answers = tonumber(ARGV[2]), ARGV[3], {}
for i = 4, #ARGV, 3 do
  local member, fence, finish = ARGV[i], ARGV[i + 1], ARGV[i + 2] == 'finish'
  local key, clock_key = finish and batch_key(member) or delivery_key(member), finish and DUE or outbox_of(member)
  local c = redis.call('HMGET', key, 'fence', 'holder', 'begun')
  local ours = c[1] == fence and may_begin(c[2], c[3], nonce)
  if ours then
    redis.call('HSET', key, 'begun', nonce)
    redis.call('ZADD', clock_key, int(now + lease), member)
  end
  answers[#answers + 1] = ours and 1 or 0
end
return answers
