-- Move the appointments of claims that are still held to now + lease; with a lease of 0, give them back, but none that was
-- begun: its message came twice, and the other one is at work.
-- ARGV: now, lease_ms, then per claim: member, fence, step.
-- Returns the members whose claim is lost.
-- Changes DUE, the outboxes; with a lease of 0 the edits (holder).
-- include: clock deliveries
local lease, lost = tonumber(ARGV[2]), {}
for i = 3, #ARGV, 3 do
  local member, fence, step = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key, clock_key = edit_key(member), DUE
  if step == 'finish' then key = batch_key(member) end
  if step == 'announce' then key, clock_key = delivery_key(member), outbox_of(member) end
  local c = redis.call('HMGET', key, 'fence', 'begun')
  if c[1] == fence and redis.call('ZSCORE', clock_key, member) then
    if lease > 0 or not c[2] then redis.call('ZADD', clock_key, int(now + lease), member) end
    if lease == 0 and not c[2] then redis.call('HDEL', key, 'holder') end
  else
    lost[#lost + 1] = member
  end
end
return lost
