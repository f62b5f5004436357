-- A person's decision on a page of a batch's edits: cancel them, or put them back into the queue.
-- What is at the API is left alone: it is paid for, and its result is kept.
-- ARGV: now, batch, action (cancel | retry), states (comma separated), first, last (page of the order).
-- Returns { how many on the page, how many changed }.
-- Emits retouch.edit.cancelled for each edit that is cancelled.
-- Changes the edits, their batch, RESULTS, READY, DUE, STATE (places).
-- include: clock edits batches
local batch, action, first, last = ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local wanted, changed = {}, 0
for state in string.gmatch(ARGV[4], '[^,]+') do wanted[state] = true end

local UNANSWERED = '{"code":"unanswered","message":"cancelled after it was sent and not answered; ' ..
  'the API may have accepted it, and charged for it"}'

local function cancel(id, state)
  redis.call('HINCRBY', edit_key(id), 'fence', 1)
  end_edit(id, state, 'cancelled', nil, redis.call('HEXISTS', edit_key(id), 'unanswered') == 1 and UNANSWERED or nil)
end

local function retry(id, state)
  local _, custom_id = split(id)
  redis.call('HDEL', edit_key(id), 'intent', 'resent', 'note', 'provider_id', 'submitted_at')
  if TERMINAL[state] then
    redis.call('HDEL', results_key(batch), custom_id)
    redis.call('HINCRBY', batch_key(batch), 'pending', 1)
  end
  reopen(batch)
  if redis.call('HEXISTS', edit_key(id), 'unanswered') == 1 then mark_duplicate(id) end
  requeue(id, state)
end

if action == 'cancel' and wanted.queued and redis.call('EXISTS', batch_key(batch)) == 1 then
  redis.call('HSET', batch_key(batch), 'cancelled', '1') -- edits that are requeued later are cancelled too
end
local page = redis.call('LRANGE', order_key(batch), first, last)
for _, custom_id in ipairs(page) do
  local id = batch .. '/' .. custom_id
  local e = redis.call('HMGET', edit_key(id), 'state', 'intent')
  if wanted[e[1]] and not (e[1] == 'submitting' and e[2]) then
    if action == 'cancel' then cancel(id, e[1]) else retry(id, e[1]) end
    changed = changed + 1
  end
end
return { #page, changed }
