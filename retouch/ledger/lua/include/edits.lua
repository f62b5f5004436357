-- Functions that change one edit: its state and its batch's counts change together; its end emits an event.
-- An edit of an older program has no place in its batch's strips; whoever reads them finds out where it stands.
-- include: clock events order batch_pauses counts groups journal money

local function split(id)
  local slash = string.find(id, '/', 1, true)
  return string.sub(id, 1, slash - 1), string.sub(id, slash + 1)
end

local function free_held(id, held)
  if held then
    redis.call('HDEL', edit_key(id), 'places')
    redis.call('HINCRBY', STATE, 'places', -tonumber(held))
  end
end

local function free_places(id) free_held(id, redis.call('HGET', edit_key(id), 'places')) end

-- `place`: in the batch's order, where the caller has read it.
local function set_state(id, from, to, place)
  local batch = split(id)
  place = place or redis.call('HGET', edit_key(id), 'at')
  redis.call('HSET', edit_key(id), 'state', to)
  if place then redis.call('SETRANGE', strip_key(batch), place, LETTER[to]) end
  if place and from == 'failed' then groups.leave(batch, place) end
  local was, is = 'n:' .. from, 'n:' .. to
  local left, found = redis.call('HINCRBY', batch_key(batch), was, -1), redis.call('HINCRBY', batch_key(batch), is, 1)
  count(was, -1)
  count(is, 1)
  if from == 'queued' and left == 0 or to == 'queued' and found == 1 then file_backlog(batch) end
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
  redis.call('ZREM', DUE, id)
  local blamed = redis.call('HMGET', edit_key(id), 'strikes', 'throttled', 'unsigned')
  local front = virtual_time(redis.call('HGET', STATE, 'virtual'))
  redis.call('ZADD', READY, (blamed[1] or blamed[2] or blamed[3]) and last_in_order(id) or string.format('%.17g', front), id)
end

-- `e`: { submits, provider_id, seed that was used or sent, duplicate, submitted_at } of the edit. `cost`: of all its submits, as it is
-- shown; nil: nothing, or there was no price.
local function result_json(custom_id, e, to, outputs, err, cost)
  return '{"custom_id":' .. cjson.encode(custom_id) .. ',"state":"' .. to .. '","attempts":' .. (e[1] or '0') ..
    ',"provider_id":' .. (e[2] and cjson.encode(e[2]) or 'null') .. ',"seed":' .. (e[3] or 'null') ..
    ',"outputs":' .. (outputs or '[]') .. ',"error":' .. (err or 'null') ..
    ',"possible_duplicate":' .. (e[4] and 'true' or 'false') ..
    ',"submitted_at":' .. (e[5] or 'null') .. ',"completed_at":' .. int(now) .. (cost and ',"cost":"' .. cost .. '"' or '') .. '}'
end

-- A submit was sent and is not answered any more.
local function count_unanswered(id)
  redis.call('HINCRBY', edit_key(id), 'unanswered', 1)
  count('unanswered', 1)
end

local UNANSWERED = '{"code":"' .. FAILURE.unanswered .. '","message":"cancelled after it was sent and not answered; ' ..
  'the API may have accepted it, and charged for it"}'

-- What an edit needs no longer when it has ended. An intent is kept that was never answered: a retry must know of it.
local PASSING = { 'holder', 'begun', 'rescues', 'polls', 'tries', 'note', 'urls', 'deadline', 'strikes', 'first_strike',
  'last_strike', 'witness', 'throttled', 'incomplete', 'overdue', 'asked', 'kind', 'seen', 'errors', 'said', 'again', 'resent', 'probe', 'alone',
  'unsigned', 'used_seed' }

-- Whether an image of a result is blank (only then it says so). Inside of a text the quotes would be escaped.
local function is_blank(json) return json and string.find(json, '"blank":', 1, true) end

-- A result as its event has it: with what it was made of, since the event may be read when the batch is gone.
local function told(batch, custom_id, defaults, result)
  local own = redis.call('HGET', edits_key(batch), custom_id)
  return string.sub(result, 1, -2) .. ',"made_of":[' .. (defaults or '{}') .. ',' .. (own or '{}') .. ']}'
end

-- The last move of an edit: its result, its event (retouch.edit.STATE), and its batch's count, all at once.
-- `outputs` and `err` are JSON text or nil; `group`: that of its failure, nil where `err` is of a move. The batch is due when this was
-- its last edit, and paused when it failed one too many.
local function end_edit(id, from, to, outputs, err, group)
  local batch, custom_id = split(id)
  local e = redis.call('HMGET', edit_key(id), 'submits', 'provider_id', 'seed', 'duplicate', 'submitted_at', 'intent', 'places',
    'used_seed', 'at', 'reserved', 'paid', 'h0')
  e[3] = e[8] or e[3]
  if e[6] then count_unanswered(id) end
  if e[10] then
    money.settle(batch, id, e[10], 'doubtful', true)
    e[11] = redis.call('HGET', edit_key(id), 'paid')
  end
  local cost = e[11] and money.shown(tonumber(e[11]), redis.call('HGET', batch_key(batch), 'currency'))
  local result = result_json(custom_id, e, to, outputs, err, cost)
  redis.call('HSET', results_key(batch), custom_id, result)
  if is_blank(outputs) then redis.call('HINCRBY', batch_key(batch), 'blank', 1) end
  set_state(id, from, to, e[9])
  if e[9] and to == 'failed' then groups.join(batch, e[9], group or groups.name(err)) end
  local code = err and string.match(err, '"code": ?"([%w_]+)"') -- in its message quotes are escaped
  count('ended:' .. to .. (code and ':' .. code or ''), 1)
  free_held(id, e[7])
  redis.call('ZREM', DUE, id)
  redis.call('ZREM', READY, id)
  redis.call('HDEL', edit_key(id), unpack(PASSING))
  record(id, e[12], MARK[to], nil, err and string.match(err, '"code": ?"([%l_]+)"'))
  emit('retouch.edit.' .. to, id, told(batch, custom_id, redis.call('HGET', batch_key(batch), 'defaults'), result))
  if redis.call('HINCRBY', batch_key(batch), 'pending', -1) == 0 then redis.call('ZADD', DUE, int(now), batch) end
  if to == 'failed' then weigh_failures(batch) end
end

-- Back to the queue, at once or after `delay_ms`; an edit of a cancelled batch ends instead.
local function requeue(id, from, delay_ms)
  local batch = split(id)
  if redis.call('HEXISTS', batch_key(batch), 'cancelled') == 1 then
    return end_edit(id, from, 'cancelled')
  end
  redis.call('HDEL', edit_key(id), 'holder', 'intent', 'sent_at', 'again', 'begun', 'rescues', 'probe')
  if from ~= 'queued' then set_state(id, from, 'queued') end
  free_places(id)
  if delay_ms and delay_ms > 0 then
    redis.call('ZADD', DUE, int(now + delay_ms), id)
  else
    make_ready(id)
  end
end
