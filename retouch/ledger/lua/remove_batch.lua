-- A person removes a batch that has ended: a page of its edits now. The rest goes with further calls, or, if none comes, as when
-- its retention is over.
-- ARGV: now, batch.
-- Returns how many edits are left; -1: it has not ended, and nothing was changed.
-- Changes the batch and all that belongs to it, CHORES, EVENTS (those that nobody needs any more).
-- include: clock chores
local batch = ARGV[2]
local b = redis.call('HMGET', batch_key(batch), 'state', 'stale')
if not b[1] then return 0 end
if b[1] ~= 'completed' or b[2] then return -1 end
redis.call('HSET', batch_key(batch), 'expires', NOW)
redis.call('ZADD', CHORES, NOW, batch)
chores.remove_some(batch, PAGE)
local left = redis.call('LLEN', order_key(batch))
if left == 0 then chores.remove_some(batch, 1) end -- the batch itself, after a page that was full
buffer.write()
return left
