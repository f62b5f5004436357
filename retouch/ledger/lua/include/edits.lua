-- Functions that change one edit: its state and its batch's counts change together; its end emits an event.
-- An edit of an older program has no place in its batch's strips; whoever reads them finds out where it stands.
-- include: buffer clock hash events order batch_pauses counts groups journal money

local split_id, its_batch, its_name -- of the last call: one edit is asked about many times in a row
local function split(id)
  if id ~= split_id then
    local slash = string.find(id, '/', 1, true)
    split_id, its_batch, its_name = id, string.sub(id, 1, slash - 1), string.sub(id, slash + 1)
  end
  return its_batch, its_name
end

local function free_held(id, held)
  if held then
    buffer.hdel(edit_key(id), 'places')
    buffer.hincrby(STATE, 'places', -tonumber(held))
  end
end

local function free_places(id) free_held(id, redis.call('HGET', edit_key(id), 'places')) end

-- A batch has its first queued edit, or none any more.
local function weigh_queue(queued, more, batch)
  if queued == 0 or queued == more then file_backlog(batch) end
end

-- `place`: in the batch's order, where the caller has read it; false: it has none.
local function set_state(id, from, to, place)
  local batch = split(id)
  if place == nil then place = redis.call('HGET', edit_key(id), 'at') end
  buffer.hset(edit_key(id), 'state', to)
  if place then buffer.setrange(strip_key(batch), place, LETTER[to]) end
  if place and from == 'failed' then groups.leave(batch, place) end
  local was, is, of_batch, of_all = 'n:' .. from, 'n:' .. to, buffer.sums(batch_key(batch)), buffer.sums(COUNTS)
  of_batch[was], of_all[was] = (of_batch[was] or 0) - 1, (of_all[was] or 0) - 1
  of_batch[is], of_all[is] = (of_batch[is] or 0) + 1, (of_all[is] or 0) + 1
  if from == 'queued' or to == 'queued' then buffer.wake(batch_key(batch), 'n:queued', weigh_queue, batch) end
end

-- It may be paid for twice: stated in its result and in the batch's counts.
local function mark_duplicate(id)
  if redis.call('HSETNX', edit_key(id), 'duplicate', '1') == 1 then
    redis.call('HINCRBY', batch_key((split(id))), 'duplicates', 1)
    count('duplicates', 1)
  end
end

-- Behind the last edit of its batch, as if it were enqueued now.
local function last_in_order(id)
  local batch = batch_key((split(id)))
  local b = redis.call('HMGET', batch, 'virtual', 'weight')
  local virtual = math.max(virtual_time(redis.call('HGET', STATE, 'virtual')), virtual_time(b[1]))
  redis.call('HSET', batch, 'virtual', string.format('%.17g', virtual + spacing(b[2])))
  return string.format('%.17g', virtual)
end

-- To the front of the fair order, since it has had its turn before; but not if it was refused, or asked to wait: another
-- edit is to find out whether that is over. Nor if its link could not be signed: others need none.
local function make_ready(id)
  buffer.zrem(DUE, id)
  local blamed = redis.call('HMGET', edit_key(id), 'strikes', 'throttled', 'unsigned')
  local front = virtual_time(redis.call('HGET', STATE, 'virtual'))
  buffer.zadd(READY, (blamed[1] or blamed[2] or blamed[3]) and last_in_order(id) or string.format('%.17g', front), id)
end

-- `e`: the edit's fields. `cost`: of all its submits, as it is shown; nil: nothing, or there was no price.
local function result_json(custom_id, e, to, outputs, err, cost)
  return '{"custom_id":' .. cjson.encode(custom_id) .. ',"state":"' .. to .. '","attempts":' .. (e.submits or '0') ..
    ',"provider_id":' .. (e.provider_id and cjson.encode(e.provider_id) or 'null') .. ',"seed":' .. (e.used_seed or e.seed or 'null') ..
    ',"outputs":' .. (outputs or '[]') .. ',"error":' .. (err or 'null') ..
    ',"possible_duplicate":' .. (e.duplicate and 'true' or 'false') ..
    ',"submitted_at":' .. (e.submitted_at or 'null') .. ',"completed_at":' .. NOW .. (cost and ',"cost":"' .. cost .. '"' or '') .. '}'
end

-- A submit was sent and is not answered any more.
local function count_unanswered(id)
  redis.call('HINCRBY', edit_key(id), 'unanswered', 1)
  count('unanswered', 1)
end

local UNANSWERED = '{"code":"' .. FAILURE.unanswered .. '","message":"cancelled after it was sent and not answered; ' ..
  'the API may have accepted it, and charged for it"}'

-- What an edit needs no longer when it has ended. An intent is kept that was never answered: a retry must know of it.
local passing_fields -- made with the first edit that ends
local function is_passing(field)
  passing_fields = passing_fields or {
    holder = true, begun = true, rescues = true, places = true, polls = true, tries = true, note = true, urls = true,
    deadline = true, strikes = true, first_strike = true, last_strike = true, witness = true, throttled = true,
    incomplete = true, overdue = true, asked = true, kind = true, seen = true, errors = true, said = true,
    again = true, resent = true, probe = true, alone = true, unsigned = true, used_seed = true
  }
  return passing_fields[field]
end

-- Whether an image of a result is blank (only then it says so). Inside of a text the quotes would be escaped.
local function is_blank(json) return json and string.find(json, '"blank":', 1, true) end

-- A result as its event has it: with what it was made of, since the event may be read when the batch is gone.
local defaults = {} -- batch → its own, as they were read
local function told(batch, custom_id, result)
  if defaults[batch] == nil then defaults[batch] = redis.call('HGET', batch_key(batch), 'defaults') end
  local own = redis.call('HGET', edits_key(batch), custom_id)
  return string.sub(result, 1, -2) .. ',"made_of":[' .. (defaults[batch] or '{}') .. ',' .. (own or '{}') .. ']}'
end

-- It may be at its end.
local function weigh_pending(pending, _, batch)
  if pending == 0 then buffer.zadd(DUE, NOW, batch) end
end

-- The last move of an edit: its result, its event (retouch.edit.STATE), and its batch's count, all at once.
-- `outputs` and `err` are JSON text or nil; `group`: that of its failure, nil where `err` is of a move. The batch is due when this was
-- its last edit, and paused when it failed one too many.
local function end_edit(id, from, to, outputs, err, group)
  local batch, custom_id = split(id)
  local e, passing = whole(edit_key(id)), {}
  if e.intent then count_unanswered(id) end
  if e.reserved then
    money.settle(batch, id, e.reserved, 'doubtful', true)
    e.paid = redis.call('HGET', edit_key(id), 'paid')
  end
  local cost = e.paid and money.shown(tonumber(e.paid), redis.call('HGET', batch_key(batch), 'currency'))
  local result = result_json(custom_id, e, to, outputs, err, cost)
  buffer.hset(results_key(batch), custom_id, result)
  if is_blank(outputs) then redis.call('HINCRBY', batch_key(batch), 'blank', 1) end
  set_state(id, from, to, e.at or false)
  local code = err and string.match(err, '"code": ?"([%w_]+)"') -- in its message quotes are escaped
  local why = code
  if e.at and to == 'failed' then
    group = group or groups.name(err)
    if groups.join(batch, e.at, group) then why = group end
  end
  count('ended:' .. to .. (code and ':' .. code or ''), 1)
  if e.places then buffer.hincrby(STATE, 'places', -tonumber(e.places)) end
  buffer.zrem(DUE, id)
  if from == 'queued' then buffer.zrem(READY, id) end
  journal.record(id, e.h0 or false, MARK[to], nil, why)
  for field in pairs(e) do
    if is_passing(field) then passing[#passing + 1] = field end
  end
  buffer.hdel(edit_key(id), unpack(passing))
  emit('retouch.edit.' .. to, id, told(batch, custom_id, result))
  buffer.hincrby(batch_key(batch), 'pending', -1)
  buffer.wake(batch_key(batch), 'pending', weigh_pending, batch)
  if to == 'failed' then weigh_failures(batch) end
end

-- Back to the queue, at once or after `delay_ms`; an edit of a cancelled batch ends instead.
local function requeue(id, from, delay_ms)
  local batch = split(id)
  if redis.call('HEXISTS', batch_key(batch), 'cancelled') == 1 then
    return end_edit(id, from, 'cancelled')
  end
  buffer.hdel(edit_key(id), 'holder', 'intent', 'sent_at', 'again', 'begun', 'rescues', 'probe')
  if from ~= 'queued' then set_state(id, from, 'queued') end
  free_places(id)
  if delay_ms and delay_ms > 0 then
    buffer.zadd(DUE, int(now + delay_ms), id)
  else
    make_ready(id)
  end
end
