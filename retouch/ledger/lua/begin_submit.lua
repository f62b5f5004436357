-- Begin submits: write down that these edits are about to be sent, before any of them is. The lease begins anew, since
-- what follows may take as long as any claim.
-- ARGV: now, lease_ms, nonce, policy (POLICY) for those that may have been sent before, the policy where a key is too old
--   to be used again, resubmits (after an error that the API answered), why links to images in S3 cannot be signed ('': they
--   can), what all submits of a day may cost (micro-units; '': no matter), then per claim: id, fence.
-- Returns per claim: false (claim lost, begun by another call, not to be sent now, or decided here), or
--   { parameters, batch defaults, submit number, tries, now, strikes, errors, 1 if it is sent again under its number, link,
--   when its batch was made ('': by an older program) }.
-- Emits retouch.edit.failed for an edit that the policy ends, retouch.edit.cancelled for one of a cancelled batch, retouch.paused where
--   the money is used up.
-- Changes the edits (intent, sent_at, begun, resent, unanswered, submits, duplicate, reserved, state), their batches' counts and money,
--   that of the day, DUE.
-- include: buffer clock hash edits pauses money begun
local KEY_LIVES_MS = 12 * 3600000 -- from the first send under a number: how long the API is asked to know it
local UNSIGNED_FIRST_MS, UNSIGNED_MAX_MS = 1000, 10000
local lease, nonce, policy, fallback, resubmits = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local unsigned, daily, leased_until = ARGV[7], tonumber(ARGV[8]), int(now + lease)
local answers = {}

local paused_until, waits = held_back_until('submit')

-- What the API said is quoted, which no group of failures has: they are one, whatever it said.
local function ambiguous(note, said)
  local what = said and 'the API answered each submit with an error, at last "' .. string.gsub(note or '', '"', "'") .. '"' or
    'sent twice and never answered'
  return cjson.encode({ code = FAILURE.ambiguous, message = what .. '; the API may have accepted it: check there before you retry' })
end

-- Whether an edit that was sent and not answered may be sent again: 'same' or 'new' number; nil: it was decided.
local function settle_ambiguity(id, e)
  local by = policy
  if by == POLICY.idempotent then
    if now - tonumber(e.sent_at or NOW) <= KEY_LIVES_MS then return 'same' end
    by = fallback
  end
  if e.intent == 'retried' then return 'new' end
  if by == POLICY.hold then
    count_unanswered(id)
    buffer.hdel(edit_key(id), 'holder', 'intent', 'sent_at', 'rescues')
    redis.call('HSET', edit_key(id), 'note', 'sent, not answered')
    if e.reserved then money.settle((split(id)), id, e.reserved, 'doubtful') end
    set_state(id, 'submitting', 'held')
    journal.record(id, nil, MARK.held)
    free_places(id)
    redis.call('ZREM', DUE, id)
    return nil
  end
  local may
  if e.said then may = tonumber(e.errors or '1') <= resubmits else may = not e.resent end
  if may then return 'new' end
  end_edit(id, 'submitting', 'failed', nil, ambiguous(e.note, e.said))
  return nil
end

local function hold_back(id, e, why)
  journal.record(id, nil, MARK.held_back, nil, why)
  if e.intent then
    buffer.hdel(edit_key(id), 'holder')
    redis.call('ZADD', DUE, int(paused_until or now + 1000), id)
  else
    requeue(id, 'submitting')
  end
end

-- Whether its image is in S3. The text is looked through, and not decoded: nothing else in it can look so.
local function image_in_s3(id, batch)
  local batch_id, custom_id = split(id)
  local text = redis.call('HGET', edits_key(batch_id), custom_id) or ''
  if not string.find(text, '"init_image":', 1, true) then text = batch.defaults or '' end
  return string.find(text, '"init_image": ?"s3://') ~= nil
end

-- No link to its image can be signed: later, behind the others, and with nothing written of a submit.
local function put_off(id, e)
  local key = edit_key(id)
  local times = redis.call('HINCRBY', key, 'unsigned', 1)
  local delay = math.min(UNSIGNED_FIRST_MS * 2 ^ math.min(times - 1, 20), UNSIGNED_MAX_MS)
  redis.call('HSET', key, 'note', unsigned)
  journal.record(id, nil, MARK.held_back, nil, 'no link to its image can be signed', delay)
  if e.intent then
    buffer.hdel(key, 'holder')
    redis.call('ZADD', DUE, int(now + delay), id)
  else
    requeue(id, 'submitting', delay)
  end
end

local priced = redis.call('HMGET', STATE, 'price', 'currency')
local price, currency = tonumber(priced[1] or '0'), priced[2]

-- Whether a budget allows what it costs to send the edit now. If not, its batch is paused, or all submits until the day is over.
local function affordable(id, batch, cost)
  local batch_id = split(id)
  local why = batch.budget and money.beyond(batch_key(batch_id), tonumber(batch.budget), cost, currency)
  if why then
    pause_batch(batch_id, BATCH_PAUSE.budget, 'its budget ' .. why)
    batch.paused = true
    return false
  end
  why = daily and money.beyond(money_key(money.today()), daily, cost, currency)
  if why then
    money.pause_day('the daily budget ' .. why, daily)
    paused_until, waits = held_back_until('submit')
    return false
  end
  return true
end

-- Returns 'first', 'same' or 'new' (number) if the edit is to be sent by this call.
local function to_send(id, fence, e, batch)
  if e.begun then return e.again or 'first' end -- this very call, repeated because its answer was lost
  if batch.cancelled and e.intent then
    end_edit(id, 'submitting', 'cancelled', nil, UNANSWERED)
    return nil
  end
  local how = 'first'
  if e.intent then how = settle_ambiguity(id, e) end
  if how and (batch.paused or batch.cancelled or (paused_until and (waits or e.probe ~= fence))) then
    hold_back(id, e, batch.paused and 'its batch is paused' or 'submits are paused')
    return nil
  end
  if how and unsigned ~= '' and not (how == 'same' and e.link) and image_in_s3(id, batch) then
    put_off(id, e)
    return nil
  end
  local cost = how and not (e.reserved and how ~= 'new') and price * tonumber(e.samples or '1') or 0
  if cost > 0 and not affordable(id, batch, cost) then
    hold_back(id, e, batch.paused and 'its batch is paused' or 'submits are paused')
    return nil
  end
  if how == 'new' then
    if e.reserved then money.settle((split(id)), id, e.reserved, 'doubtful') end
    mark_duplicate(id)
    if e.intent ~= 'retried' then
      count_unanswered(id)
      -- What was said is of the submit before this one: should nobody live to tell of this one, it was not answered.
      if e.said then buffer.hdel(edit_key(id), 'said') else redis.call('HSET', edit_key(id), 'resent', '1') end
    end
  end
  if how and how ~= 'same' then
    e.submits, e.sent_at = int((e.submits or 0) + 1), NOW
    buffer.hset(edit_key(id), 'submits', e.submits)
    if e.link then buffer.hdel(edit_key(id), 'link') end
    e.link = nil
  end
  if cost > 0 then money.reserve((split(id)), id, cost) end
  return how
end

-- The last pause that has ended, as it was written: { since, until, name }.
local function ended(text)
  local since, till, name = string.match(text or '', '^(%d+) (%d+) (.+)$')
  return since and { tonumber(since), tonumber(till), name }
end

local submits_waited = ended(redis.call('HGET', STATE, 'waited'))
local batches = {} -- what this call has read of them
local function read_batch(id)
  if not batches[id] then
    local b = redis.call('HMGET', batch_key(id), 'defaults', 'paused', 'cancelled', 'made', 'waited', 'budget')
    local waited = {} -- the pauses that have ended
    for _, pause in pairs({ submits_waited, ended(b[5]) }) do waited[#waited + 1] = pause end
    table.sort(waited, function(one, other) return one[1] < other[1] end)
    batches[id] = { defaults = b[1], paused = b[2], cancelled = b[3], made = b[4], waited = waited, budget = b[6] }
  end
  return batches[id]
end

for i = 9, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local key = edit_key(id)
  local batch_id, custom_id = split(id)
  local e, how, batch = whole(key), nil, nil
  if e.fence == fence and e.state == 'submitting' and may_begin(e.holder, e.begun, nonce) then
    batch = read_batch(batch_id)
    how = to_send(id, fence, e, batch)
  end
  if how then
    buffer.hset(key, 'intent', fence, 'begun', nonce, 'sent_at', e.sent_at or NOW)
    if how == 'same' then buffer.hset(key, 'again', 'same') elseif e.again then buffer.hdel(key, 'again') end
    buffer.zadd(DUE, leased_until, id)
    if not e.begun then journal.record(id, e.h0 or false, MARK.sent, int(tonumber(e.submits)), e.holder, nil, batch.waited) end
    answers[#answers + 1] = { redis.call('HGET', edits_key(batch_id), custom_id), batch.defaults, e.submits, e.tries or '0',
      NOW, e.strikes or '0', e.errors or '0', how == 'same' and '1' or '0', e.link or '',
      batch.made or '' }
  else
    answers[#answers + 1] = false
  end
end
buffer.write()
return answers
