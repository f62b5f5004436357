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

local counted = {} -- field of COUNTS → what this move adds to it

local function count(field, n) counted[field] = (counted[field] or 0) + n end

-- The last thing that a move does.
local function write_counts()
  for field, n in pairs(counted) do
    if n ~= 0 then redis.call('HINCRBY', COUNTS, field, int(n)) end
  end
end
