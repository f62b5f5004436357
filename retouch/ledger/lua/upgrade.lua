-- Bring a ledger of schema 1 up to this one, once no worker of that schema lives. (It has no guard against other schemas.)
-- ARGV: now, seen_ms (a worker not seen for this long counts as dead).
-- Returns how many older workers are alive: 0 if the ledger is, or is now, of this schema.
-- Changes SCHEMA, PAUSES, STATE.
-- include: clock
if redis.call('EXISTS', SCHEMA) == 1 and redis.call('GET', SCHEMA) ~= '1' then return 0 end
local alive = redis.call('ZCOUNT', WORKERS, int(now - tonumber(ARGV[2])), '+inf')
if alive > 0 then return alive end
-- What schema 1 knew of pauses had other names; whatever is still so is found out anew. Its outage counts for deadlines.
local outage = redis.call('HGET', PAUSES, 'outage')
if outage then redis.call('HINCRBY', STATE, 'outage_ms', int(now - cjson.decode(outage).since)) end
redis.call('DEL', PAUSES)
redis.call('HDEL', STATE, 'fails', 'closed_at')
redis.call('SET', SCHEMA, OURS)
return 0
