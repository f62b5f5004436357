-- Do the next page of a job: count its edits, or, once it is started, cancel them or try them again. Each page is done once, however
-- many callers there are.
-- What is at the API is left alone: it is paid for, and its result is kept. A retry asks the API first about what it took. An edit that
-- is not in the state any more in which it was counted, or about which another job has decided since, is skipped; of a batch that is
-- cancelled as a whole those too are changed by it that workers have ended since.
-- ARGV: now, id.
-- Returns { its state now; '': there is no such job any more, how many edits it is about, how many of these were dealt with }.
-- Emits retouch.edit.cancelled for each edit that is cancelled; retouch.resumed when not too many are failed any more.
-- Changes the job, JOBS; the edits, their batch, RESULTS, picks, READY, parked, DUE, CHORES, STATE (places).
-- include: clock edits batches jobs picks
local job = ARGV[2]
local j = redis.call('HMGET', job_key(job), 'state', 'batch', 'made', 'action', 'states', 'number', 'next', 'all', 'by')
local state, batch, action, number = j[1], j[2], j[4], tonumber(j[6])
local by = j[9] ~= '' and j[9] or nil
local counting = state == JOB.counting

local function answer()
  local found = redis.call('HMGET', job_key(job), 'state', 'counted', 'changed', 'skipped')
  return { found[1] or '', tonumber(found[2] or '0'), tonumber(found[3] or '0') + tonumber(found[4] or '0') }
end

if state and not jobs.is_of(j[3], batch) or not state then
  jobs.forget(job)
  return answer()
end
if not counting and state ~= JOB.running then return answer() end
local wanted, jobs_made = {}, redis.call('HGET', STATE, 'jobs')
for one in string.gmatch(j[5], '[^,]+') do wanted[one] = true end

local function cancel(id, from, e)
  local key = edit_key(id)
  redis.call('HINCRBY', key, 'fence', 1)
  redis.call('HSET', key, 'decided', jobs_made)
  redis.call('ZREM', parked_key(batch), id)
  local maybe_paid = e.intent or redis.call('HEXISTS', key, 'unanswered') == 1
  end_edit(id, from, 'cancelled', nil, maybe_paid and UNANSWERED or nil)
end

-- Whether the API took it, and may still have its result: not if it said itself that there is none.
local function can_be_asked(id, from, custom_id)
  if action == 'anew' or from ~= 'failed' or redis.call('HEXISTS', edit_key(id), 'provider_id') == 0 then return false end
  local result = redis.call('HGET', results_key(batch), custom_id)
  local err = result and cjson.decode(result).error
  return type(err) ~= 'table' or err.code ~= FAILURE.failure
end

local reopened -- by this page
local function retry(id, from, custom_id, place)
  local key = edit_key(id)
  local ask = can_be_asked(id, from, custom_id)
  local open = redis.call('HMGET', key, 'intent', 'sent_at')
  redis.call('HDEL', key, 'resent', 'said', 'errors', 'note')
  redis.call('HSET', key, 'decided', jobs_made)
  if TERMINAL[from] then
    if is_blank(redis.call('HGET', results_key(batch), custom_id)) then redis.call('HINCRBY', batch_key(batch), 'blank', -1) end
    redis.call('HDEL', results_key(batch), custom_id)
    set_pick(batch, place, NO_PICK) -- it was of a result that is no more
    redis.call('HINCRBY', batch_key(batch), 'pending', 1)
  end
  if not reopened then
    reopen(batch)
    reopened = true
  end
  journal.record(id, nil, ask and MARK.asked or MARK.retried, nil, by)
  if ask then
    set_state(id, from, 'waiting')
    redis.call('HSET', key, 'asked', '1')
    redis.call('ZADD', DUE, NOW, id)
    return true
  end
  redis.call('HDEL', key, 'provider_id', 'submitted_at')
  -- One whose submit is open still may be sent under its number again; begin_submit marks it if it is not.
  if not open[1] and redis.call('HEXISTS', key, 'unanswered') == 1 then mark_duplicate(id) end
  requeue(id, from)
  if open[1] then redis.call('HSET', key, 'intent', 'retried', 'sent_at', open[2] or NOW) end
end

-- The next places of those that are chosen, on a page of the order at most, and where to go on; nil: there are no more.
local function next_places(first, most)
  local looked_at = 65536
  local bytes = redis.call('GETRANGE', jobs.chosen_key(job), first, first + looked_at - 1)
  local places, at = {}, 0
  while #places < most do
    at = string.find(bytes, '\1', at + 1, true)
    if not at or places[1] and first + at - 1 - places[1] >= PAGE then break end
    places[#places + 1] = first + at - 1
  end
  if at then return places, places[#places] + 1 end
  return places, #bytes == looked_at and first + looked_at or nil
end

local sums = {} -- field of the job → what this page adds to it
local function add(field, n) sums[field] = (sums[field] or 0) + n end

-- An edit that is found otherwise than it was seen is not counted, and not changed later.
local function weigh(id, place, custom_id, e)
  if not e.stands then
    redis.call('SETRANGE', jobs.chosen_key(job), place, '\0')
    if e.under_way then add('at_work', 1) end
    return
  end
  local images = tonumber(redis.call('HGET', edit_key(id), 'samples') or '1')
  add('counted', 1)
  if action == 'cancel' then return end
  local ask = can_be_asked(id, e.state, custom_id)
  add(ask and 'to_ask' or 'to_send', 1)
  add(ask and 'images_to_ask' or 'images_to_send', images)
end

local function change(id, place, custom_id, e)
  if not e.stands then return add(e.ended_by_it and 'changed' or 'skipped', 1) end
  add('changed', 1)
  if action == 'cancel' then
    cancel(id, e.state, e)
  elseif retry(id, e.state, custom_id, place) then
    add('asked', 1)
  end
end

-- As an edit stands: whether in a state that was chosen, and no person has decided about it since the job was made.
local function look(id)
  local e = redis.call('HMGET', edit_key(id), 'state', 'intent', 'holder', 'decided')
  local under_way = e[1] == 'submitting' and e[2] and e[3] -- it may be answered, and is kept then
  local decided = e[4] and tonumber(e[4]) >= number
  -- The job has cancelled the batch with its start: what a worker has in hand then ends without a page.
  local ended_by_it = j[8] == '1' and action == 'cancel' and e[1] == 'cancelled' and not decided
  local stands = wanted[e[1]] and not under_way and not decided
  return { state = e[1], intent = e[2], under_way = under_way, stands = stands, ended_by_it = ended_by_it }
end

local places, goes_on = next_places(tonumber(j[7]), counting and COUNTED_AT_ONCE or CHANGED_AT_ONCE)
local page = places[1] and redis.call('LRANGE', order_key(batch), places[1], places[#places]) or {}
for _, place in ipairs(places) do
  local custom_id = page[place - places[1] + 1]
  local id = batch .. '/' .. (custom_id or '')
  local e = custom_id and look(id) or {}
  if counting then weigh(id, place, custom_id, e) else change(id, place, custom_id, e) end
end
for field, n in pairs(sums) do redis.call('HINCRBY', job_key(job), field, n) end
if (sums.changed or 0) > 0 and action ~= 'cancel' then weigh_failures(batch) end
if goes_on then
  redis.call('HSET', job_key(job), 'next', int(goes_on))
  if not counting then redis.call('ZADD', JOBS, int(now + JOB_TAKEN_MS), job) end
elseif counting then
  redis.call('HINCRBY', job_key(job), 'counted', 0)
  redis.call('HSET', job_key(job), 'state', JOB.counted)
else
  jobs.finish(job, JOB.done)
end
buffer.write()
return answer()
