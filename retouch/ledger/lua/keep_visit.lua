-- Keep what opens the page, for a time; or forget it.
-- ARGV: now, the hash of its secret, whose key it stands for (JSON; '': it is forgotten), for how long (ms).
-- Returns what was kept before; of two who use a link at once only one gets it.
-- Changes the visit.
-- include: clock
local key, becomes = visit_key(ARGV[2]), ARGV[3]
local was = redis.call('GET', key)
if becomes == '' then
  redis.call('DEL', key)
else
  redis.call('SET', key, becomes, 'PX', ARGV[4])
end
return was
