-- Stop submits for a cause, until it is resumed or a probe (one submit, each time `until` comes) goes through.
-- ARGV: now, cause, reason, every_ms (0: no probe; only resuming ends it). Returns 1 if the pause is new.
local cause, reason, every = ARGV[2], ARGV[3], tonumber(ARGV[4])
local known = redis.call('HGET', PAUSES, cause)
local pause = known and cjson.decode(known) or { since = now, every = every, ['until'] = 0 }
pause.reason = reason
pause.touched = now
pause['until'] = math.max(pause['until'], now + every)
redis.call('HSET', PAUSES, cause, cjson.encode(pause))
return known and 0 or 1
