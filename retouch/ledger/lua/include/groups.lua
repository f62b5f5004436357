-- The groups of a batch's failures: how many edits failed for one reason, and which they are.
-- include: rarely clock
local groups = rarely(function(groups)
  -- The group of an error that a move itself has made, as Python names those of others (retouch/wording.py). Its words are ours, but for
  -- what is quoted.
  function groups.name(err)
    local known = cjson.decode(err or '{}')
    local words = string.gsub(string.gsub(known.message or '', '"[^"]*"', '…'), '[%w_]*%d[%w_]*', '…')
    return (known.code or '') .. ' ' .. string.lower(words)
  end

  -- A number is given once: whoever names a group means the same failures, however late.
  function groups.number(key, name)
    local known = redis.call('HGET', key, name)
    if known then return tonumber(known) end
    local number = math.min(math.floor(redis.call('HLEN', key) / 2) + 1, OTHER_GROUP) -- each has two fields: its number, its count
    if number < OTHER_GROUP then redis.call('HSET', key, name, int(number)) end
    return number
  end

  -- The edit at this place has failed. Returns whether it is of a group of its own, and not of those too many to be told apart.
  function groups.join(batch, place, name)
    local number = groups.number(groups_key(batch), name)
    redis.call('HINCRBY', groups_key(batch), int(number), 1)
    redis.call('SETRANGE', groupstrip_key(batch), place, string.char(number))
    return number < OTHER_GROUP
  end

  -- It is not failed any more.
  function groups.leave(batch, place)
    local number = string.byte(redis.call('GETRANGE', groupstrip_key(batch), place, place)) or 0
    if number == 0 then return end
    redis.call('HINCRBY', groups_key(batch), int(number), -1)
    redis.call('SETRANGE', groupstrip_key(batch), place, '\0')
  end

  -- The edits at `count` places from `first` on are removed.
  function groups.remove(batch, first, count)
    local was = redis.call('GETRANGE', groupstrip_key(batch), first, first + count - 1)
    for number in string.gmatch(was, '[^%z]') do redis.call('HINCRBY', groups_key(batch), int(string.byte(number)), -1) end
    if was ~= '' then redis.call('SETRANGE', groupstrip_key(batch), first, string.rep('\0', #was)) end
  end
end)
