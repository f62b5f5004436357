-- Begin polls: read the edits behind claims, and begin the claims' lease anew.
-- ARGV: now, lease_ms, nonce, deadline_ms (of an edit that has none, since a retry asks about it), then per claim: id, fence.
-- Returns per claim: false (claim lost, begun by another call, or polls pause), or { now, state, provider_id, polls, tries,
--   deadline, samples, urls, submitted_at, strikes, kind, seen, incomplete, overdue }; the deadline by the ordinary clock.
-- Changes the edits (begun, deadline) and DUE.
-- include: buffer clock hash pauses begun
local lease, nonce, deadline, answers = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), {}
local leased_until = int(now + lease)
local healthy = healthy_now() -- a deadline does not run during an outage

local paused_until, waits = held_back_until('status')

for i = 5, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local key = edit_key(id)
  local e = whole(key)
  local ours = e.fence == fence and (e.state == 'waiting' or e.state == 'copying') and may_begin(e.holder, e.begun, nonce)
  if ours and e.provider_id and paused_until and not e.begun and (waits or e.probe ~= fence) then
    redis.call('HDEL', key, 'holder')
    redis.call('ZADD', DUE, int(paused_until), id)
    ours = false
  end
  if ours then
    buffer.zadd(DUE, leased_until, id)
    buffer.hset(key, 'begun', nonce)
    if e.provider_id and not e.deadline then
      e.deadline = healthy + deadline
      buffer.hset(key, 'deadline', int(e.deadline))
    end
    answers[#answers + 1] = { NOW, e.state, e.provider_id or false, e.polls or false, e.tries or false,
      e.deadline and int(tonumber(e.deadline) + now - healthy) or false, e.samples or false, e.urls or false, e.submitted_at or false,
      e.strikes or false, e.kind or false, e.seen or false, e.incomplete or false, e.overdue or false }
  else
    answers[#answers + 1] = false
  end
end
buffer.write()
return answers
