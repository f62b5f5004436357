-- A request comes with a key of its caller's (Idempotency-Key): the first with it is worked on, a second one is not.
-- ARGV: now, id of the request, fingerprint of what it asks for, who works on it (a name of its own), ms of its lease.
-- Returns { 'begun' } (also again by who works on it: its lease is renewed; or after a lease that has ended), { 'at work' },
--   { 'other' } if the first asked for something else, { 'answered', the answer }.
-- Changes the request.
-- include: clock
local REQUEST_KEPT_MS = 86400000 -- a day
local id, fingerprint, owner, lease = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local key = request_key(id)
local r = redis.call('HMGET', key, 'fingerprint', 'owner', 'until', 'answer')
if r[1] and r[1] ~= fingerprint then return { 'other' } end
if r[4] then return { 'answered', r[4] } end
if r[2] and r[2] ~= owner and tonumber(r[3]) > now then return { 'at work' } end
redis.call('HSET', key, 'fingerprint', fingerprint, 'owner', owner, 'until', int(now + lease))
redis.call('PEXPIRE', key, REQUEST_KEPT_MS)
return { 'begun' }
