-- Begin submits: write down that these edits are about to be sent, before any of them is. `intent` holds the fence that
-- it was written under. The lease begins anew, since what follows may take as long as any claim.
-- ARGV: now, lease_ms, nonce, policy (POLICY) for those that may have been sent before, then per claim: id, fence.
-- Returns per claim: false (claim lost, begun by another call, or decided here), or
--   { parameters, batch defaults, submit number, tries, now }.
-- Emits retouch.edit.failed for an edit that the policy ends.
-- Changes the edits (intent, begun, resent, unanswered, submits, duplicate, state), their batches' counts, DUE.
-- include: clock edits begun
local lease, nonce, policy, answers = tonumber(ARGV[2]), ARGV[3], ARGV[4], {}
local AMBIGUOUS = '{"code":"ambiguous","message":"sent twice and never answered; ' ..
  'the API may have accepted both: check there before you retry"}'

-- Returns true when the edit may be sent (again).
local function settle_ambiguity(id)
  if policy == POLICY.idempotent then return true end
  redis.call('HINCRBY', edit_key(id), 'unanswered', 1)
  if policy == POLICY.hold then
    redis.call('HDEL', edit_key(id), 'holder', 'intent', 'rescues')
    redis.call('HSET', edit_key(id), 'note', 'sent, not answered')
    set_state(id, 'submitting', 'held')
    free_places(id)
    redis.call('ZREM', DUE, id)
    return false
  end
  if redis.call('HEXISTS', edit_key(id), 'resent') == 1 then
    end_edit(id, 'submitting', 'failed', nil, AMBIGUOUS)
    return false
  end
  mark_duplicate(id)
  redis.call('HSET', edit_key(id), 'resent', '1')
  redis.call('HINCRBY', edit_key(id), 'submits', 1)
  return true
end

for i = 5, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local key = edit_key(id)
  local e = redis.call('HMGET', key, 'fence', 'state', 'intent', 'holder', 'begun')
  local send = false
  if e[1] == fence and e[2] == 'submitting' and may_begin(e[4], e[5], nonce) then
    if e[5] then
      send = true -- this very call, repeated because its answer was lost
    elseif e[3] then
      send = settle_ambiguity(id)
    else
      redis.call('HINCRBY', key, 'submits', 1)
      send = true
    end
    if send then
      redis.call('HSET', key, 'intent', fence, 'begun', nonce)
      redis.call('ZADD', DUE, int(now + lease), id)
    end
  end
  if send then
    local batch, custom_id = split(id)
    answers[#answers + 1] = { redis.call('HGET', edits_key(batch), custom_id),
      redis.call('HGET', batch_key(batch), 'defaults'), redis.call('HGET', key, 'submits'),
      redis.call('HGET', key, 'tries') or '0', int(now) }
  else
    answers[#answers + 1] = false
  end
end
return answers
