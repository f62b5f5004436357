-- A person says what an image costs, from the next submit on. What did not fit into a budget may fit now.
-- ARGV: now, price (micro-units), currency.
-- Refused: another currency, once amounts were counted in one.
-- Returns 1.
-- Emits retouch.resumed.
-- Changes STATE (price, currency), PAUSES, the batches that are paused (PAGE at most, those first that are paused the longest), CHORES.
-- include: clock money
local s = redis.call('HMGET', STATE, 'currency', 'counted')
if s[2] and s[1] ~= ARGV[3] then return redis.error_reply('CURRENCY ' .. s[1]) end
redis.call('HSET', STATE, 'price', ARGV[2], 'currency', ARGV[3])
money.look_at_day_again(tonumber(ARGV[2]), ARGV[3])
for _, batch in ipairs(redis.call('ZRANGE', HALTED, 0, PAGE - 1)) do money.look_again(batch) end
return 1
