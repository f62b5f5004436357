-- A request comes under a key of the gateway: note that it is used, and count it against its rate.
-- The requests that a rate allows in a window may come at once; then they become free one by one.
-- ARGV: now, name of the key, id of the secret, ms between two requests, ms of the window.
-- Returns { 1 it may go, 0 too many; how many more may go now; ms until all are free; ms until one is free }.
-- Changes KEY_USES, KEY_RATES.
-- include: clock
local NOTED_MS = 60000 -- a use is noted once in so many ms
local name, secret, each, window = ARGV[2], ARGV[2] .. '/' .. ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if now - tonumber(redis.call('HGET', KEY_USES, secret) or '0') >= NOTED_MS then redis.call('HSET', KEY_USES, secret, NOW) end
local taken = math.max(0, tonumber(redis.call('HGET', KEY_RATES, name) or '0') - now)
if taken + each > window then return { 0, 0, math.ceil(taken), math.ceil(taken + each - window) } end
taken = taken + each
redis.call('HSET', KEY_RATES, name, string.format('%.17g', now + taken))
return { 1, math.floor((window - taken) / each + 0.001), math.ceil(taken), 0 }
