-- Make, change or remove a key of the gateway, if it is still as the caller has seen it.
-- ARGV: now, its name, as it was seen (JSON; '': there was none), as it becomes (JSON; '': it is removed).
-- Returns 1 if it is so now, 0 if somebody else has changed it.
-- Changes ACCESS, KEY_USES, KEY_RATES.
-- include: clock
local name, seen, becomes = ARGV[2], ARGV[3], ARGV[4]
local is = redis.call('HGET', ACCESS, name) or ''
if is == becomes then return 1 end -- an answer was lost, and this comes again
if is ~= seen then return 0 end
if becomes ~= '' then
  redis.call('HSET', ACCESS, name, becomes)
  return 1
end
for _, secret in ipairs(cjson.decode(is).secrets) do
  redis.call('HDEL', KEY_USES, name .. '/' .. string.sub(secret.sha256, 1, 8))
end
redis.call('HDEL', KEY_RATES, name)
redis.call('HDEL', ACCESS, name)
return 1
