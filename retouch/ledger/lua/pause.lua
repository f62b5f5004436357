-- Pause requests for a cause, until it is resumed or a probe (one request, each time `until` comes) is answered well.
-- ARGV: now, cause (CAUSE), reason, every_ms (0: no probe; only resuming ends it).
-- Returns 1 if the pause is new.
-- Changes PAUSES, STATE (refusal, limit).
-- include: clock pauses places
local cause, reason, every = ARGV[2], ARGV[3], tonumber(ARGV[4])
note_refusal(reason)
local known = pauses()[cause]
local pause = known or { since = now, every = every, ['until'] = 0 }
pause.reason = reason
pause.touched = now
pause['until'] = math.max(pause['until'], now + every)
write_pause(cause, pause)
if cause == CAUSE.throttled then cut_limit() end
return known and 0 or 1
