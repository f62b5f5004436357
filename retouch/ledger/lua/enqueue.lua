-- Add edits to an open batch. An edit that is there already is left alone.
-- ARGV: now, batch, fill_ms, then per edit: custom_id, digest, parameters (JSON), samples, seed ('' for none).
-- Returns per edit: 1 added, 0 there already, -1 there with other parameters.
-- Changes the new edits, their batch, ORDER, EDITS, READY, DUE.
-- include: clock batches
local batch, fill_ms = ARGV[2], tonumber(ARGV[3])
local key = batch_key(batch)
local b = redis.call('HMGET', key, 'weight', 'virtual', 'cancelled')
if not b[1] then return redis.error_reply('NOBATCH the batch was not opened') end
if b[3] then return redis.error_reply('CANCELLED the batch was cancelled') end -- by a person, since it was opened
local step = 1 / tonumber(b[1])
local virtual = math.max(tonumber(redis.call('HGET', STATE, 'virtual') or '0'), tonumber(b[2] or '0'))
local verdicts, added = {}, 0
for i = 4, #ARGV, 5 do
  local custom_id, digest = ARGV[i], ARGV[i + 1]
  local id = batch .. '/' .. custom_id
  local known = redis.call('HGET', edit_key(id), 'digest')
  if known then
    verdicts[#verdicts + 1] = known == digest and 0 or -1
  else
    local fields = { 'state', 'queued', 'digest', digest }
    if ARGV[i + 3] ~= '1' then fields[5], fields[6] = 'samples', ARGV[i + 3] end
    if ARGV[i + 4] ~= '' then
      fields[#fields + 1] = 'seed'
      fields[#fields + 1] = ARGV[i + 4]
    end
    redis.call('HSET', edit_key(id), unpack(fields))
    redis.call('HSET', edits_key(batch), custom_id, ARGV[i + 2])
    redis.call('RPUSH', order_key(batch), custom_id)
    redis.call('ZADD', READY, string.format('%.17g', virtual), id)
    virtual = virtual + step
    added = added + 1
    verdicts[#verdicts + 1] = 1
  end
end
if added > 0 then
  reopen(batch)
  redis.call('HINCRBY', key, 'pending', added)
  redis.call('HINCRBY', key, 'n:queued', added)
  redis.call('HSET', key, 'virtual', string.format('%.17g', virtual))
end
redis.call('HSET', key, 'fill_until', int(now + fill_ms))
redis.call('ZADD', DUE, 'NX', int(now + fill_ms), batch)
return verdicts
