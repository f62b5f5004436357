-- End pauses: the API took a request that was sent at `sent`, so whatever it refused before then is over.
-- ARGV: now, sent (ms; '': now, when a person or a check ends the pause), causes…
-- Returns how many ended.
-- Changes PAUSES, STATE (fails, closed_at, outage_ms).
-- include: clock pauses
local sent, ended = tonumber(ARGV[2]) or now, 0
local known = pauses()
for i = 3, #ARGV do
  local pause = known[ARGV[i]]
  if pause and pause.touched <= sent then
    redis.call('HDEL', PAUSES, ARGV[i])
    ended = ended + 1
    if ARGV[i] == CAUSE.outage then
      redis.call('HDEL', STATE, 'fails')
      redis.call('HSET', STATE, 'closed_at', int(now))
      redis.call('HINCRBY', STATE, 'outage_ms', int(now - pause.since))
    end
  end
end
return ended
