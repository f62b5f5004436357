-- Begin polls: read the edits behind claims, and begin the claims' lease anew.
-- ARGV: now, lease_ms, nonce, deadline_ms (of an edit that has none, since a retry asks about it), then per claim: id, fence.
-- Returns per claim: false (claim lost, begun by another call, or polls pause), or { now, state, provider_id, polls, tries,
--   deadline, samples, urls, submitted_at, strikes, kind, seen, incomplete, overdue }; the deadline by the ordinary clock.
-- Changes the edits (begun, deadline) and DUE.
-- include: clock pauses begun
local lease, nonce, deadline, answers = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), {}
local healthy = healthy_now() -- a deadline does not run during an outage

local paused_until, waits = held_back_until('status')

for i = 5, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local key = edit_key(id)
  local e = redis.call('HMGET', key, 'fence', 'state', 'provider_id', 'polls', 'tries', 'deadline', 'samples', 'urls',
    'submitted_at', 'strikes', 'kind', 'seen', 'incomplete', 'overdue', 'holder', 'begun', 'probe')
  local probe, begun, holder = table.remove(e), table.remove(e), table.remove(e)
  local ours = e[1] == fence and (e[2] == 'waiting' or e[2] == 'copying') and may_begin(holder, begun, nonce)
  if ours and e[3] and paused_until and not begun and (waits or probe ~= fence) then
    redis.call('HDEL', key, 'holder')
    redis.call('ZADD', DUE, int(paused_until), id)
    ours = false
  end
  if ours then
    redis.call('ZADD', DUE, int(now + lease), id)
    redis.call('HSET', key, 'begun', nonce)
    e[1] = int(now)
    if e[3] and not e[6] then
      e[6] = healthy + deadline
      redis.call('HSET', key, 'deadline', int(e[6]))
    end
    if e[6] then e[6] = int(tonumber(e[6]) + now - healthy) end
    answers[#answers + 1] = e
  else
    answers[#answers + 1] = false
  end
end
return answers
