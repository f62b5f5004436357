-- End the claim on a batch: its manifest is written, or must be tried again.
-- ARGV: now, batch, fence, delay_ms (-1: it is done), note, retention_ms.
-- Returns 1 settled, 0 refused.
-- Emits retouch.batch.completed when the batch has ended.
-- Changes the batch, DUE.
-- include: clock events
local batch, fence, delay = ARGV[2], ARGV[3], tonumber(ARGV[4])
local key, retention = batch_key(batch), tonumber(ARGV[6])
if redis.call('HGET', key, 'fence') ~= fence then return 0 end
redis.call('HDEL', key, 'holder', 'begun')
if delay >= 0 then
  redis.call('HSET', key, 'note', ARGV[5])
  redis.call('ZADD', DUE, int(now + delay), batch)
  return 1
end
redis.call('ZREM', DUE, batch)
redis.call('HDEL', key, 'note', 'stale')
local b = redis.call('HMGET', key, 'state', 'pending')
if tonumber(b[2]) > 0 then
  redis.call('HSET', key, 'state', 'open')
elseif b[1] == 'open' then
  redis.call('ZADD', DUE, int(now), batch) -- only the stale _SUCCESS was removed; the end is still to be written
else
  redis.call('HSET', key, 'state', 'completed', 'expires', int(now + retention))
  redis.call('ZADD', DUE, int(now + retention), batch) -- to be removed then
  redis.call('HINCRBY', key, 'fence', 1) -- this very call, repeated because its answer was lost, ends it no second time
  local all, counts = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do
    local state = string.match(all[i], '^n:(.+)$')
    if state and all[i + 1] ~= '0' then counts[#counts + 1] = '"' .. state .. '":' .. all[i + 1] end
  end
  emit('retouch.batch.completed', batch, '{"batch":' .. cjson.encode(batch) .. ',"counts":{' ..
    table.concat(counts, ',') .. '},"duplicates":' .. (redis.call('HGET', key, 'duplicates') or '0') .. '}')
end
return 1
