-- What a move writes often: gathered, and written in few commands at its end, as a command costs Redis many times what it does. Here
-- each is named as its command; none returns anything. Whatever else is done with a key finds it written: this `redis.call` sees to it.
local buffer, redis = {}, { call = redis.call, error_reply = redis.error_reply }
do
  local call = redis.call
  local ARGUMENTS = 4000 -- of a command at most: Lua takes 8000
  local OF_SEVERAL = { ['EXISTS'] = true, ['DEL'] = true, ['UNLINK'] = true } -- keys
  local waiting, keys = {}, {} -- key → what waits; the keys in the order in which they came

  -- What waits of a key: `set`, fields and values in turns; `less`, fields that go after that; `scores` of members (false: it goes);
  -- `sums`, what is added to fields, and `wakes`, what is told of these; `runs` of bytes.
  local function held(key)
    local found = waiting[key]
    if not found then
      found = {}
      waiting[key], keys[#keys + 1] = found, key
    end
    return found
  end

  local function send(command, key, arguments)
    local n = #arguments
    if n <= ARGUMENTS then return n > 0 and call(command, key, unpack(arguments)) end
    for first = 1, n, ARGUMENTS do call(command, key, unpack(arguments, first, math.min(first + ARGUMENTS - 1, n))) end
  end

  local function write_scores(key, scores)
    local set, n, gone = {}, 0, {}
    for member, score in pairs(scores) do
      if score then
        set[n + 1], set[n + 2], n = score, member, n + 2
      else
        gone[#gone + 1] = member
      end
    end
    send('ZADD', key, set)
    send('ZREM', key, gone)
  end

  local function write_sums(key, sums, wakes)
    for field, n in pairs(sums) do
      if n ~= 0 then
        local sum, wake = call('HINCRBY', key, field, string.format('%.0f', n)), wakes[field]
        if wake then wake[1](sum, n, wake[2]) end
      end
    end
  end

  local function write(key, found)
    waiting[key] = nil
    if found.set then send('HSET', key, found.set) end
    if found.less then send('HDEL', key, found.less) end
    if found.scores then write_scores(key, found.scores) end
    if found.sums then write_sums(key, found.sums, found.wakes) end
    if found.runs then
      for _, run in ipairs(found.runs) do call('SETRANGE', key, run.place, table.concat(run)) end
    end
  end

  -- The last thing that a move does.
  function buffer.write()
    local i = 1
    while keys[i] do -- what is told of sums may gather more
      local found = waiting[keys[i]]
      if found then write(keys[i], found) end
      i = i + 1
    end
    keys = {}
  end

  function redis.call(command, ...)
    local key = ...
    local found = waiting[key]
    if found then
      write(key, found)
    elseif OF_SEVERAL[command] then
      buffer.write()
    end
    return call(command, ...)
  end

  -- Whether one of these fields is to go, and must do so before it is set anew.
  local function is_less(less, set)
    for i = 1, #less do
      for j = 1, #set, 2 do
        if less[i] == set[j] then return true end
      end
    end
    return false
  end

  local function extended(list, more)
    if not list then return more end
    local n = #list
    for i = 1, #more do list[n + i] = more[i] end
    return list
  end

  function buffer.hset(key, ...)
    local found, set = held(key), { ... }
    if found.less and is_less(found.less, set) then
      write(key, found)
      found = held(key)
    end
    found.set = extended(found.set, set)
  end

  function buffer.hdel(key, ...)
    local found = held(key)
    found.less = extended(found.less, { ... })
  end

  -- What is added to fields, to be raised at once: fields that nobody sets otherwise.
  function buffer.sums(key)
    local found = held(key)
    if not found.sums then found.sums, found.wakes = {}, {} end
    return found.sums
  end

  function buffer.hincrby(key, field, n)
    local sums = buffer.sums(key)
    sums[field] = (sums[field] or 0) + n
  end

  -- Have a function called when a sum is written, with what it is then, what was added, and this argument. Of a sum that stays as it
  -- was nothing is told.
  function buffer.wake(key, field, told, argument)
    buffer.sums(key)
    waiting[key].wakes[field] = { told, argument }
  end

  local function scores_of(key)
    local found = held(key)
    if not found.scores then found.scores = {} end
    return found.scores
  end

  function buffer.zadd(key, score, member) scores_of(key)[member] = score end

  function buffer.zrem(key, member) scores_of(key)[member] = false end

  -- Bytes beside each other are one write.
  function buffer.setrange(key, place, byte)
    local found = held(key)
    local runs = found.runs or {}
    local run = runs[#runs]
    found.runs, place = runs, tonumber(place)
    if not run or run.next ~= place then
      run = { place = place }
      runs[#runs + 1] = run
    end
    run[#run + 1], run.next = byte, place + 1
  end
end
