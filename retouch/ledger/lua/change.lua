-- A person's decision on a page of a batch's edits: cancel them, or try them again.
-- What is at the API is left alone: it is paid for, and its result is kept. A retry asks the API first about what it took.
-- ARGV: now, batch, action (cancel | retry | anew), states (comma separated), first, last (page of the order), group ('': any; else of
--   failed edits those of that group alone), then the custom ids of those that are in it by what is known of an older program's.
-- Returns { how many on the page, how many changed, how many of these are asked about }.
-- Emits retouch.edit.cancelled for each edit that is cancelled; retouch.resumed when not too many are failed any more.
-- Changes the edits, their batch, RESULTS, picks, READY, parked, DUE, CHORES, STATE (places).
-- include: clock edits batches picks
local batch, action, first, last = ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local group, of_older = ARGV[7], {}
local wanted, changed, asked = {}, 0, 0
for state in string.gmatch(ARGV[4], '[^,]+') do wanted[state] = true end

local function cancel(id, state, intent)
  local key = edit_key(id)
  redis.call('HINCRBY', key, 'fence', 1)
  redis.call('ZREM', parked_key(batch), id)
  local maybe_paid = intent or redis.call('HEXISTS', key, 'unanswered') == 1
  end_edit(id, state, 'cancelled', nil, maybe_paid and UNANSWERED or nil)
end

-- Whether the API took it, and may still have its result: not if it said itself that there is none.
local function can_be_asked(id, state, custom_id)
  if action == 'anew' or state ~= 'failed' or redis.call('HEXISTS', edit_key(id), 'provider_id') == 0 then return false end
  local result = redis.call('HGET', results_key(batch), custom_id)
  local err = result and cjson.decode(result).error
  return type(err) ~= 'table' or err.code ~= FAILURE.failure
end

local function retry(id, state, custom_id, place)
  local key = edit_key(id)
  local ask = can_be_asked(id, state, custom_id)
  local open = redis.call('HMGET', key, 'intent', 'sent_at')
  redis.call('HDEL', key, 'resent', 'said', 'errors', 'note')
  if TERMINAL[state] then
    if is_blank(redis.call('HGET', results_key(batch), custom_id)) then redis.call('HINCRBY', batch_key(batch), 'blank', -1) end
    redis.call('HDEL', results_key(batch), custom_id)
    set_pick(batch, place, NO_PICK) -- it was of a result that is no more
    redis.call('HINCRBY', batch_key(batch), 'pending', 1)
  end
  reopen(batch)
  record(id, ask and MARK.asked or MARK.retried)
  if ask then
    set_state(id, state, 'waiting')
    redis.call('HSET', key, 'asked', '1')
    redis.call('ZADD', DUE, int(now), id)
    asked = asked + 1
    return
  end
  redis.call('HDEL', key, 'provider_id', 'submitted_at')
  -- One whose submit is open still may be sent under its number again; begin_submit marks it if it is not.
  if not open[1] and redis.call('HEXISTS', key, 'unanswered') == 1 then mark_duplicate(id) end
  requeue(id, state)
  if open[1] then redis.call('HSET', key, 'intent', 'retried', 'sent_at', open[2] or int(now)) end
end

if action == 'cancel' and wanted.queued and redis.call('EXISTS', batch_key(batch)) == 1 then
  redis.call('HSET', batch_key(batch), 'cancelled', int(now)) -- edits that come back later are cancelled too
  seal(batch, '') -- who is still writing to it is refused
end
local page = redis.call('LRANGE', order_key(batch), first, last)
local numbers = group ~= '' and redis.call('GETRANGE', groupstrip_key(batch), first, last)
for i = 8, #ARGV do of_older[ARGV[i]] = true end

local function is_chosen(at, custom_id)
  if not numbers then return true end
  local number = string.byte(numbers, at) or 0
  return int(number) == group or (number == 0 and of_older[custom_id])
end

for at, custom_id in ipairs(page) do
  local id = batch .. '/' .. custom_id
  local e = is_chosen(at, custom_id) and redis.call('HMGET', edit_key(id), 'state', 'intent', 'holder') or {}
  local under_way = e[1] == 'submitting' and e[2] and e[3] -- it may be answered, and is kept then
  if wanted[e[1]] and not under_way then
    if action == 'cancel' then cancel(id, e[1], e[2]) else retry(id, e[1], custom_id, first + at - 1) end
    changed = changed + 1
  end
end
if changed > 0 and action ~= 'cancel' then weigh_failures(batch) end
write_counts()
return { #page, changed, asked }
