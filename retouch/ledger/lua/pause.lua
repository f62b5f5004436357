-- Pause requests by hand, until a person resumes them.
-- ARGV: now, name of the pause (KIND:CAUSE), reason.
-- Returns 1 if the pause is new.
-- Emits retouch.paused.
-- Changes PAUSES.
-- include: clock pauses
local _, new = touch_pause(ARGV[2], ARGV[3], 0)
return new and 1 or 0
