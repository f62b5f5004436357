-- Move the appointments of claims that are still held to now + lease; with a lease of 0, give them back.
-- ARGV: now, lease_ms, then per claim: member, fence, step.
-- Returns the members whose claim is lost.
-- Changes DUE, OUTBOX; with a lease of 0 the edits (holder).
-- include: clock
local lease, lost = tonumber(ARGV[2]), {}
for i = 3, #ARGV, 3 do
  local member, fence, step = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key, clock_key = edit_key(member), DUE
  if step == 'finish' then key = batch_key(member) end
  if step == 'announce' then key, clock_key = delivery_key(member), OUTBOX end
  if redis.call('HGET', key, 'fence') == fence and redis.call('ZSCORE', clock_key, member) then
    redis.call('ZADD', clock_key, int(now + lease), member)
    if lease == 0 then redis.call('HDEL', key, 'holder') end
  else
    lost[#lost + 1] = member
  end
end
return lost
