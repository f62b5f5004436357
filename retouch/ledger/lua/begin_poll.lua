-- Begin polls: read the edits behind claims, and begin the claims' lease anew.
-- ARGV: now, lease_ms, nonce, then per claim: id, fence.
-- Returns per claim: false (claim lost, or begun by another call), or { now, state, provider_id, polls, tries, deadline,
--   samples, urls, submitted_at, strikes, kind, seen, incomplete }; the deadline by the ordinary clock.
-- Changes the edits (begun) and DUE.
-- include: clock pauses begun
local lease, nonce, answers = tonumber(ARGV[2]), ARGV[3], {}
local lost_ms = now - healthy_now() -- a deadline does not run during an outage
for i = 4, #ARGV, 2 do
  local e = redis.call('HMGET', edit_key(ARGV[i]), 'fence', 'state', 'provider_id', 'polls', 'tries', 'deadline',
    'samples', 'urls', 'submitted_at', 'strikes', 'kind', 'seen', 'incomplete', 'holder', 'begun')
  local begun, holder = table.remove(e), table.remove(e)
  local polled = e[2] == 'waiting' or e[2] == 'copying'
  if e[1] == ARGV[i + 1] and polled and may_begin(holder, begun, nonce) then
    redis.call('ZADD', DUE, int(now + lease), ARGV[i])
    redis.call('HSET', edit_key(ARGV[i]), 'begun', nonce)
    e[1] = int(now)
    if e[6] then e[6] = int(tonumber(e[6]) + lost_ms) end
    answers[#answers + 1] = e
  else
    answers[#answers + 1] = false
  end
end
return answers
