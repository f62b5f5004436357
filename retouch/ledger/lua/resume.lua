-- End pauses that a person or a check may end.
-- ARGV: now, names of the pauses (KIND:CAUSE)…
-- Returns how many ended.
-- Emits retouch.resumed.
-- Changes PAUSES, STATE.
-- include: clock pauses
local ended, known = 0, pauses()
for i = 2, #ARGV do
  if known[ARGV[i]] then
    end_pause(ARGV[i], known[ARGV[i]])
    ended = ended + 1
  end
end
return ended
