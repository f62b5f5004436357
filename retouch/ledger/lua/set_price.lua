-- A person says what an image costs, from the next submit on.
-- ARGV: now, price (micro-units), currency.
-- Refused: another currency, once amounts were counted in one.
-- Returns 1.
-- Changes STATE (price, currency).
-- include: clock
local s = redis.call('HMGET', STATE, 'currency', 'counted')
if s[2] and s[1] ~= ARGV[3] then return redis.error_reply('CURRENCY ' .. s[1]) end
redis.call('HSET', STATE, 'price', ARGV[2], 'currency', ARGV[3])
return 1
