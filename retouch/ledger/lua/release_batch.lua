-- A batch that was held while it was written is whole: it is not paused for that any more. If for nothing else either, a page of its
-- parked edits comes back with their places in the order.
-- ARGV: now, batch.
-- Returns { 1 if it was held, how many edits came back }; to be called until fewer than PAGE do.
-- Emits retouch.resumed.
-- Changes the batch (paused), parked, READY, CHORES.
-- include: clock batches
local batch, cause = ARGV[2], BATCH_PAUSE.arriving
local left = batch_pauses(batch)
local held = left[cause]
if held then
  left[cause] = nil
  if next(left) then
    redis.call('HSET', batch_key(batch), 'paused', cjson.encode(left))
  else
    redis.call('HDEL', batch_key(batch), 'paused')
    file_backlog(batch)
    redis.call('HSET', batch_key(batch), 'waited', int(held.since) .. ' ' .. NOW .. ' batch:' .. cause)
  end
  emit('retouch.resumed', batch, cjson.encode({ batch = batch, cause = cause, reason = held.reason }))
end
if next(left) then return { held and 1 or 0, 0 } end
local back = unpark(batch, PAGE)
if back == PAGE then redis.call('ZADD', CHORES, NOW, batch) end -- should nobody call again, a claim brings the rest
return { held and 1 or 0, back }
