-- People choose among the results of a batch.
-- ARGV: now, batch, mark (p: picked, r: rejected; '': neither any more), custom ids.
-- Returns for each 1, 0 if there is no such edit, or -1 if it has not completed, so that there is no result to choose.
-- Changes picks.
-- include: clock picks
local batch, mark = ARGV[2], ARGV[3] ~= '' and ARGV[3] or NO_PICK

local function picked(custom_id)
  local e = redis.call('HMGET', edit_key(batch .. '/' .. custom_id), 'state', 'at')
  if not e[1] then return 0 end
  if e[1] ~= 'completed' then return -1 end
  set_pick(batch, e[2] or redis.call('LPOS', order_key(batch), custom_id), mark) -- of an older program's the place is not kept
  return 1
end

local told = {}
for i = 4, #ARGV do told[i - 3] = picked(ARGV[i]) end
return told
