-- End claims on edits, or move them on; and take note of how requests fared, whosever they were.
-- A claim whose fence is old, or whose edit is in another state, changes nothing of the edit.
-- ARGV: now, JSON list of { id, fence, from: [states], to, delay_ms, keep, untaken, deadline_ms, lesson, good: {}, seen: [],
--   run, strike, unpaid, set: {}, drop: [], outputs: JSON text, error: JSON text, group }.
--   delay_ms     when the edit is due again, at the earliest (the claim ends)
--   keep         the claim and its lease go on instead
--   untaken      the API did not take the submit: its number is free again
--   unpaid       nor is it to be sent again under it: it costs nothing
--   deadline_ms  the API took it just now, and has so long
--   lesson       { kind, keep, increments } of a result that was seen
--   good         kind of request → when one was sent that was answered well (0: now)
--   seen         [ kind, when it was sent, FARED, words, ms to wait ] of requests that were not
--   run          { words, definite }: it was refused; words without what differs from edit to edit
--   counts       fields of COUNTS that it raises by one: what was asked of the API, and how that answered
--   strike       { kind, patience_ms, last }: it was refused; many times while others fare well, it fails with `error`;
--                `last`: now
--   group        that of `error` among the batch's failures
--   words        of what it met, without what differs from edit to edit, for its journal
--   An item without id says only what was seen.
-- Returns per item: 0 refused, 1 settled, 2 it failed by its strikes, 3 it is sent anew, since the API has it no longer.
-- Emits retouch.edit.completed, .failed or .cancelled for each edit that ends, retouch.paused and retouch.resumed.
-- Changes the edit, its batch's counts and money, that of the day, READY, DUE, RESULTS, STATE, PAUSES, WORKED, SUSPECTS, KINDS.
-- include: clock edits batches pauses places learning verdicts money

-- The intent is over: the submit was answered. How often it was sent again is forgotten only when it was taken, or ended.
local function answer_intent(key, to)
  if to == 'queued' then
    redis.call('HDEL', key, 'intent', 'sent_at', 'link', 'again', 'said', 'alone')
  else
    redis.call('HDEL', key, 'intent', 'sent_at', 'link', 'again', 'said', 'alone', 'resent', 'errors')
  end
end

-- The submit is answered, so it is known whether it costs something. Unless it was sent under its number before, and not answered
-- then: that one may have been taken all the same.
local function answer_money(item, reserved, again)
  local free = item.untaken or item.unpaid
  money.settle((split(item.id)), item.id, reserved, not free and 'spent' or again and 'doubtful' or nil)
end

local function taken(item, key, troubled)
  redis.call('HSET', key, 'submitted_at', int(now), 'deadline', int(healthy_now() + item.deadline_ms))
  if troubled then redis.call('HDEL', key, 'strikes', 'first_strike', 'last_strike', 'witness', 'throttled', 'tries', 'note', 'unsigned') end
  redis.call('HDEL', batch_key((split(item.id))), 'run', 'run_words', 'run_since')
  grow_limit()
end

-- Asked about by a retry, and the API has it no longer.
local function send_anew(id, key, state)
  record(id, nil, MARK.sent_anew)
  redis.call('HDEL', key, 'asked', 'provider_id', 'submitted_at', 'deadline', 'strikes', 'first_strike', 'last_strike',
    'witness', 'throttled', 'overdue', 'incomplete', 'tries', 'note', 'polls', 'urls', 'unsigned', 'used_seed')
  redis.call('HINCRBY', batch_key((split(id))), 'sent_anew', 1)
  requeue(id, state)
  return 3
end

-- Take note of what is said of an edit, once. Returns the ms that it waits at least, and whether it fails for it.
local function judged(item, key, e)
  local delay = item.delay_ms or 0
  for _, o in ipairs(item.seen or {}) do
    delay = math.max(delay, observe(item.id, key, o, { throttled = e[4], last_strike = e[5], tries = tonumber(e[6] or '0') + 1 }))
  end
  if item.run then note_run(item.id, item.run, item.seen and item.seen[1] and item.seen[1][4] or item.run.words, e[5]) end
  local own = item.strike and strike(key, item.strike.kind, item.strike.patience_ms, (item.seen or { {} })[1][2] or now)
  return delay, item.strike and (own or item.strike.last)
end

local OF_KIND = { submit = 's', status = 'p', store = 'o' } -- else a fetch

-- What an item says of its edit, in the edit's journal; its end is in there by end_edit.
local function note_item(item, state, delay, holder, first)
  local o = item.seen and item.seen[1]
  if item.to == 'copying' and state ~= 'copying' then
    record(item.id, first, MARK.finished, nil, holder)
  elseif item.deadline_ms then
    record(item.id, first, MARK.taken)
  elseif o then
    record(item.id, first, MARK.trouble, (OF_KIND[o[1]] or 'f') .. string.sub(o[3], 1, 1), item.words, delay)
  elseif item.to == 'queued' then
    record(item.id, first, MARK.held_back, nil, item.words, delay)
  elseif item.good then
    record(item.id, first, MARK.polled)
  end
end

local function apply(item)
  local key = edit_key(item.id)
  local e = redis.call('HMGET', key, 'fence', 'state', 'begun', 'throttled', 'last_strike', 'tries', 'asked', 'intent', 'note', 'at', 'holder',
    'reserved', 'again', 'h0')
  local state = e[2]
  if e[1] ~= tostring(item.fence) then return 0 end
  local expected = false
  for _, from in ipairs(item.from) do expected = expected or from == state end
  if not expected then return 0 end
  local delay, fails = item.delay_ms, false
  -- A repeat of this call, its answer lost, finds the claim ended: what was seen is not counted twice.
  if e[3] and (item.seen or item.run or item.strike) then delay, fails = judged(item, key, e) end
  -- One that keeps its claim, and is where it was to come, is such a repeat too.
  if item.counts and e[3] and not (item.keep and item.to == state) then
    for _, field in ipairs(item.counts) do count(field, 1) end
  end
  if item.deadline_ms and state == 'submitting' then taken(item, key, e[4] or e[5] or e[6] or e[9]) end
  if item.drop and #item.drop > 0 then redis.call('HDEL', key, unpack(item.drop)) end
  if item.set then
    for field, value in pairs(item.set) do redis.call('HSET', key, field, value) end
  end
  if e[3] and not fails and not TERMINAL[item.to] then note_item(item, state, delay, e[11], e[14]) end
  if state == 'waiting' and item.to == 'copying' and not e[7] then note_result(key) end
  if item.lesson then remember(item.lesson) end
  if item.untaken and not fails then redis.call('HINCRBY', key, 'submits', -1) end
  if item.to ~= 'submitting' and e[8] then
    answer_intent(key, item.to)
    if e[12] then answer_money(item, e[12], e[13]) end
  end
  if fails then
    if e[7] and state ~= 'submitting' then return send_anew(item.id, key, state) end
    end_edit(item.id, state, 'failed', item.outputs, item.error, item.group)
    return 2
  end
  if TERMINAL[item.to] then
    if e[7] and item.to == 'completed' then redis.call('HINCRBY', batch_key((split(item.id))), 'recovered', 1) end
    end_edit(item.id, state, item.to, item.outputs, item.error, item.group)
    return 1
  end
  if item.to == 'queued' then
    requeue(item.id, state, delay)
    return 1
  end
  if item.to == 'submitting' and redis.call('HEXISTS', batch_key((split(item.id))), 'cancelled') == 1 then
    end_edit(item.id, state, 'cancelled', nil, UNANSWERED)
    return 1
  end
  if item.to ~= state then set_state(item.id, state, item.to, e[10]) end
  if item.to == 'copying' then free_places(item.id) end
  if not item.keep then
    redis.call('HDEL', key, 'holder', 'begun', 'rescues')
    redis.call('ZADD', DUE, int(now + (delay or 0)), item.id)
  end
  return 1
end

local items, good, verdicts = cjson.decode(ARGV[2]), {}, {}
for _, item in ipairs(items) do -- first, since they say how others fare
  for kind, sent in pairs(item.good or {}) do good[kind] = math.max(good[kind] or 0, sent == 0 and now or sent) end
end
for kind, sent in pairs(good) do fared_well(kind, sent) end
for _, item in ipairs(items) do
  if item.id then
    verdicts[#verdicts + 1] = apply(item)
  else
    for _, o in ipairs(item.seen or {}) do observe(nil, nil, o, {}) end
    verdicts[#verdicts + 1] = 1
  end
end
write_counts()
return verdicts
