-- End the claim on a batch: its files are written, or its old _SUCCESS is removed, or that must be tried again.
-- ARGV: now, batch, fence, what (FINISH), delay_ms (of another try), note, retention_ms.
-- Returns 1 settled, 0 refused.
-- Emits retouch.batch.completed when the batch has ended.
-- Changes the batch, DUE, CHORES.
-- include: clock events
local batch, fence, what = ARGV[2], ARGV[3], ARGV[4]
local key, retention = batch_key(batch), tonumber(ARGV[7])
local b = redis.call('HMGET', key, 'fence', 'state')
local is_open = b[2] == 'open'
if what == FINISH.written and is_open then -- while it was written, also by one whose claim was lost: _SUCCESS must go again
  redis.call('HSET', key, 'stale', '1')
  redis.call('ZADD', DUE, NOW, batch)
end
if b[1] ~= fence then return 0 end
redis.call('HDEL', key, 'holder', 'begun')
if what == FINISH.again then
  redis.call('HSET', key, 'note', ARGV[6])
  redis.call('ZADD', DUE, int(now + tonumber(ARGV[5])), batch)
  return 1
end
redis.call('HDEL', key, 'note')
if is_open then
  if what == FINISH.removed then redis.call('HDEL', key, 'stale') end
  redis.call('ZADD', DUE, NOW, batch) -- it may be ready to end
  return 1
end
redis.call('HDEL', key, 'stale', 'unsealed', 'fill_until')
redis.call('HSET', key, 'state', 'completed', 'completed_at', NOW, 'expires', int(now + retention))
redis.call('ZREM', DUE, batch)
redis.call('ZADD', CHORES, int(now + retention), batch) -- to be removed then
redis.call('HINCRBY', key, 'fence', 1) -- this very call, repeated because its answer was lost, ends it no second time
local all, counts = redis.call('HGETALL', key), {}
for i = 1, #all, 2 do
  local state = string.match(all[i], '^n:(.+)$')
  if state and all[i + 1] ~= '0' then counts[#counts + 1] = '"' .. state .. '":' .. all[i + 1] end
end
emit('retouch.batch.completed', batch, '{"batch":' .. cjson.encode(batch) .. ',"counts":{' ..
  table.concat(counts, ',') .. '},"duplicates":' .. (redis.call('HGET', key, 'duplicates') or '0') ..
  ',"blank":' .. (redis.call('HGET', key, 'blank') or '0') .. '}')
return 1
