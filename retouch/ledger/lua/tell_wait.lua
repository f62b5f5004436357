-- Tell every worker that listens how long the API asks to wait; the pause itself is for a settlement to begin.
-- ARGV: now, kind of request, until (ms).
-- Returns 1.
-- Changes WAITS.
-- include: clock
local KEPT, TOLD_MS = 100, 60000 -- no wait that is told is longer
redis.call('XADD', WAITS, 'MAXLEN', KEPT, '*', 'kind', ARGV[2], 'until', int(ARGV[3]))
redis.call('PEXPIRE', WAITS, TOLD_MS)
return 1
