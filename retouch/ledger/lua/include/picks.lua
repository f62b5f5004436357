-- What people have chosen among a batch's results: a byte an edit, in the batch's order.
local NO_PICK = '\0'

local function set_pick(batch, place, mark)
  local key = picks_key(batch)
  if mark ~= NO_PICK or tonumber(place) < redis.call('STRLEN', key) then redis.call('SETRANGE', key, int(place), mark) end
end
