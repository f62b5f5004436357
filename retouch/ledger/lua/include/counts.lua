-- Sums over all batches, which outlive them: COUNTS.
-- And which batches have queued edits: BACKLOG, by the time since when they have some; those that are paused in HALTED, by the
-- time since when they are.
-- include: buffer clock

-- To be called when a batch gets its first queued edit, or has none any more, and when it is paused, or no longer.
local function file_backlog(batch, since)
  local b = redis.call('HMGET', batch_key(batch), 'n:queued', 'paused')
  local place = tonumber(b[1] or '0') > 0 and (b[2] and HALTED or BACKLOG)
  for _, key in ipairs({ BACKLOG, HALTED }) do
    if key == place then redis.call('ZADD', key, 'NX', int(since or now), batch) else redis.call('ZREM', key, batch) end
  end
end

local function count(field, n) buffer.hincrby(COUNTS, field, n) end
