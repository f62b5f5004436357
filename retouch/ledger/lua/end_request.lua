-- A request with a key of its caller's is answered: the same again gets the same answer for a day, or begins anew.
-- ARGV: now, id of the request, who worked on it, the answer ('': none is kept).
-- Returns 1, or 0 if somebody else works on it.
-- Changes the request.
-- include: clock
local REQUEST_KEPT_MS = 86400000 -- a day
local key = request_key(ARGV[2])
if redis.call('HGET', key, 'owner') ~= ARGV[3] then return 0 end
if ARGV[4] == '' then
  redis.call('DEL', key)
else
  redis.call('HSET', key, 'answer', ARGV[4])
  redis.call('PEXPIRE', key, REQUEST_KEPT_MS)
end
return 1
