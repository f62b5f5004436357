-- Sums over all batches, which outlive them: COUNTS. A move adds up what it changes, and writes it at its end, once a sum.
-- And which batches have queued edits: BACKLOG, by the time since when they have some; those that are paused in HALTED, by the
-- time since when they are.
-- include: clock

-- To be called when a batch gets its first queued edit, or has none any more, and when it is paused, or no longer.
local function file_backlog(batch, since)
  local b = redis.call('HMGET', batch_key(batch), 'n:queued', 'paused')
  local place = tonumber(b[1] or '0') > 0 and (b[2] and HALTED or BACKLOG)
  for _, key in ipairs({ BACKLOG, HALTED }) do
    if key == place then redis.call('ZADD', key, 'NX', int(since or now), batch) else redis.call('ZREM', key, batch) end
  end
end

local count, write_counts
do
  local counted = {} -- field of COUNTS → what this move adds to it

  function count(field, n) counted[field] = (counted[field] or 0) + n end

  -- What the batches have, of a ledger whose programs kept no sums.
  local function count_batches()
    local all = redis.call('ZRANGE', BATCHES, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do
      local b = redis.call('HGETALL', batch_key(all[i]))
      for n = 1, #b, 2 do
        if string.sub(b[n], 1, 2) == 'n:' then redis.call('HINCRBY', COUNTS, b[n], b[n + 1]) end
      end
      file_backlog(all[i], tonumber(all[i + 1]))
    end
  end

  -- The last thing that a move does. The first sums of all have this move's states in them already.
  function write_counts()
    if not next(counted) then return end
    local first = redis.call('HSETNX', COUNTS, 'since', int(now)) == 1
    if first then count_batches() end
    for field, n in pairs(counted) do
      local known = first and string.sub(field, 1, 2) == 'n:'
      if n ~= 0 and not known then redis.call('HINCRBY', COUNTS, field, n) end
    end
  end
end
