-- Resume a batch: lift all its pauses, and bring a page of its parked edits back with their places in the order.
-- ARGV: now, batch.
-- Returns { 1 if it was paused, how many edits came back }; to be called until fewer than PAGE do.
-- Emits retouch.resumed.
-- Changes the batch (paused, run), parked, READY, CHORES.
-- include: clock batches
local batch = ARGV[2]
local was = redis.call('HGET', batch_key(batch), 'paused')
if was then
  redis.call('HDEL', batch_key(batch), 'paused', 'run', 'run_words', 'run_since')
  for cause, pause in pairs(cjson.decode(was)) do
    emit('retouch.resumed', batch, cjson.encode({ batch = batch, cause = cause, reason = pause.reason }))
  end
end
local back = unpark(batch, PAGE)
if back == PAGE then redis.call('ZADD', CHORES, int(now), batch) end -- should nobody call again, a claim brings the rest
return { was and 1 or 0, back }
