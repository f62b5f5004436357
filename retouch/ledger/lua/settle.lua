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
-- include: buffer clock edits batches pauses places learning verdicts money

-- The intent is over: the submit was answered. How often it was sent again is forgotten only when it was taken, or ended.
local function answer_intent(key, to)
  if to == 'queued' then
    buffer.hdel(key, 'intent', 'sent_at', 'link', 'again', 'said', 'alone')
  else
    buffer.hdel(key, 'intent', 'sent_at', 'link', 'again', 'said', 'alone', 'resent', 'errors')
  end
end

-- The submit is answered, so it is known whether it costs something. Unless it was sent under its number before, and not answered
-- then: that one may have been taken all the same.
local function answer_money(item, reserved, again)
  local free = item.untaken or item.unpaid
  money.settle((split(item.id)), item.id, reserved, not free and 'spent' or again and 'doubtful' or nil)
end

local function taken(item, key, troubled)
  buffer.hset(key, 'submitted_at', NOW, 'deadline', int(healthy_now() + item.deadline_ms))
  if troubled then buffer.hdel(key, 'strikes', 'first_strike', 'last_strike', 'witness', 'throttled', 'tries', 'note', 'unsigned') end
  end_run((split(item.id)))
  grow_limit()
end

-- Asked about by a retry, and the API has it no longer.
local function send_anew(id, key, state)
  journal.record(id, nil, MARK.sent_anew)
  buffer.hdel(key, 'asked', 'provider_id', 'submitted_at', 'deadline', 'strikes', 'first_strike', 'last_strike',
    'witness', 'throttled', 'overdue', 'incomplete', 'tries', 'note', 'polls', 'urls', 'unsigned', 'used_seed')
  redis.call('HINCRBY', batch_key((split(id))), 'sent_anew', 1)
  requeue(id, state)
  return 3
end

-- Take note of what is said of an edit, once. Returns the ms that it waits at least, and whether it fails for it.
local function judged(item, key, e)
  local delay = item.delay_ms or 0
  for _, o in ipairs(item.seen or {}) do
    delay = math.max(delay, verdicts.observe(item.id, key, o, { throttled = e.throttled, last_strike = e.last_strike, tries = tonumber(e.tries or '0') + 1 }))
  end
  if item.run then verdicts.note_run(item.id, item.run, item.seen and item.seen[1] and item.seen[1][4] or item.run.words, e.last_strike) end
  local own = item.strike and verdicts.strike(key, item.strike.kind, item.strike.patience_ms, (item.seen or { {} })[1][2] or now)
  return delay, item.strike and (own or item.strike.last)
end

local OF_KIND = { submit = 's', status = 'p', store = 'o' } -- else a fetch

-- What an item says of its edit, in the edit's journal; its end is in there by end_edit.
local function note_item(item, state, delay, holder, first)
  local o = item.seen and item.seen[1]
  if item.to == 'copying' and state ~= 'copying' then
    journal.record(item.id, first, MARK.finished, nil, holder)
  elseif item.deadline_ms then
    journal.record(item.id, first, MARK.taken)
  elseif o then
    journal.record(item.id, first, MARK.trouble, (OF_KIND[o[1]] or 'f') .. string.sub(o[3], 1, 1), item.words, delay)
  elseif item.to == 'queued' then
    journal.record(item.id, first, MARK.held_back, nil, item.words, delay)
  elseif item.good then
    journal.record(item.id, first, MARK.polled)
  end
end

-- What must be known of an edit: each field that is asked for costs something.
local ANY = { 'fence', 'state', 'begun', 'at', 'holder', 'h0', 'asked' }
local BAD = { 'throttled', 'last_strike', 'tries' }
local SUBMITTED = { 'intent', 'reserved', 'again', 'note' }
local FINISHED = { 'submitted_at', 'places' }
local lists = {} -- number of a combination of these → all names of it
local function names_for(submitted, judged, finished)
  local number = (submitted and 1 or 0) + (judged and 2 or 0) + (finished and 4 or 0)
  if not lists[number] then
    local names = { unpack(ANY) }
    for _, more in ipairs({ submitted and SUBMITTED or {}, judged and BAD or {}, finished and FINISHED or {} }) do
      for _, name in ipairs(more) do names[#names + 1] = name end
    end
    lists[number] = names
  end
  return lists[number]
end

local function look_at(key, item)
  local submitted = item.from[1] == 'submitting'
  local names = names_for(submitted, submitted or item.seen or item.run or item.strike, item.to == 'copying')
  local e, raw = {}, redis.call('HMGET', key, unpack(names))
  for i = 1, #names do e[names[i]] = raw[i] end
  return e
end

local function apply(item)
  local key = edit_key(item.id)
  local e = look_at(key, item)
  local state = e.state
  if e.fence ~= tostring(item.fence) then return 0 end
  local expected = false
  for _, from in ipairs(item.from) do expected = expected or from == state end
  if not expected then return 0 end
  local delay, fails = item.delay_ms, false
  -- A repeat of this call, its answer lost, finds the claim ended: what was seen is not counted twice.
  if e.begun and (item.seen or item.run or item.strike) then delay, fails = judged(item, key, e) end
  -- One that keeps its claim, and is where it was to come, is such a repeat too.
  if item.counts and e.begun and not (item.keep and item.to == state) then
    for _, field in ipairs(item.counts) do count(field, 1) end
  end
  if item.deadline_ms and state == 'submitting' then taken(item, key, e.throttled or e.last_strike or e.tries or e.note) end
  if item.drop then buffer.hdel(key, unpack(item.drop)) end
  for field, value in pairs(item.set or {}) do buffer.hset(key, field, value) end
  if e.begun and not fails and not TERMINAL[item.to] then note_item(item, state, delay, e.holder, e.h0) end
  if state == 'waiting' and item.to == 'copying' and not e.asked then note_result(e.submitted_at) end
  if item.lesson then remember(item.lesson) end
  if item.untaken and not fails then redis.call('HINCRBY', key, 'submits', -1) end
  if item.to ~= 'submitting' and e.intent then
    answer_intent(key, item.to)
    if e.reserved then answer_money(item, e.reserved, e.again) end
  end
  if fails then
    if e.asked and state ~= 'submitting' then return send_anew(item.id, key, state) end
    end_edit(item.id, state, 'failed', item.outputs, item.error, item.group)
    return 2
  end
  if TERMINAL[item.to] then
    if e.asked and item.to == 'completed' then redis.call('HINCRBY', batch_key((split(item.id))), 'recovered', 1) end
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
  if item.to ~= state then set_state(item.id, state, item.to, e.at) end
  if item.to == 'copying' then free_held(item.id, e.places) end
  if not item.keep then
    buffer.hdel(key, 'holder', 'begun', 'rescues')
    buffer.zadd(DUE, int(now + (delay or 0)), item.id)
  end
  return 1
end

local items, good, answers = cjson.decode(ARGV[2]), {}, {}
for _, item in ipairs(items) do -- first, since they say how others fare
  for kind, sent in pairs(item.good or {}) do good[kind] = math.max(good[kind] or 0, sent == 0 and now or sent) end
end
for kind, sent in pairs(good) do fared_well(kind, sent) end
for _, item in ipairs(items) do
  if item.id then
    answers[#answers + 1] = apply(item)
  else
    for _, o in ipairs(item.seen or {}) do verdicts.observe(nil, nil, o, {}) end
    answers[#answers + 1] = 1
  end
end
buffer.write()
return answers
