-- A producer is about to write to a batch. One that has ended is kept for a while, and nothing else is changed before its
-- first edits come: a call that writes nothing leaves everything as it was.
-- ARGV: now, batch.
-- Returns { the batch's defaults (JSON); '' where there is no batch yet, when it was cancelled; '' if it is not, the max_failures
--   that it was given; '' if none, the budget that it was given (micro-units); '' if none }.
-- Changes the batch (expires).
-- include: clock
local key = batch_key(ARGV[2])
local b = redis.call('HMGET', key, 'defaults', 'state', 'expires', 'cancelled', 'given_failures', 'given_budget')
if b[2] == 'completed' and tonumber(b[3]) < now + KEPT_MS then redis.call('HSET', key, 'expires', int(now + KEPT_MS)) end
return { b[1] or '', b[4] or '', b[5] or '', b[6] or '' }
