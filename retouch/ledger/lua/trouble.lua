-- The API was not reached, answered 5xx, or did not answer; several times in a row make an outage.
-- ARGV: now, reason, every_ms (between the first probes).
-- Returns 1 if an outage begins.
-- Changes STATE (fails, refusal), PAUSES.
-- include: clock pauses

local OPEN_AFTER = 5 -- consecutive errors make an outage; fewer can be chance
local reason, every = ARGV[2], tonumber(ARGV[3])
note_refusal(reason)
local open = pauses()[CAUSE.outage]
if open then
  open.reason, open.touched = reason, now
  write_pause(CAUSE.outage, open)
  return 0
end
if redis.call('HINCRBY', STATE, 'fails', 1) < OPEN_AFTER then return 0 end
write_pause(CAUSE.outage, { since = now, reason = reason, touched = now, every = every, ['until'] = now + every })
return 1
