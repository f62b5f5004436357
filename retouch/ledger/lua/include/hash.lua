-- A whole hash, field → value: where an edit has few of the fields that are asked for, that is less than asking for each.
local function whole(key)
  local found, all = {}, redis.call('HGETALL', key)
  for i = 1, #all, 2 do found[all[i]] = all[i + 1] end
  return found
end
