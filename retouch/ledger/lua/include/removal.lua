-- Removes batches that ended long ago.
-- include: clock deliveries

-- Remove a page of a batch; with its last page the batch itself. Its results stay in S3.
local function remove_page(batch)
  local page = redis.call('LPOP', order_key(batch), PAGE) or {}
  for _, custom_id in ipairs(page) do
    local key = edit_key(batch .. '/' .. custom_id)
    redis.call('HINCRBY', batch_key(batch), 'n:' .. redis.call('HGET', key, 'state'), -1)
    redis.call('UNLINK', key)
    redis.call('HDEL', edits_key(batch), custom_id)
    redis.call('HDEL', results_key(batch), custom_id)
  end
  if #page == PAGE then return end -- it stays due
  redis.call('UNLINK', batch_key(batch), order_key(batch), edits_key(batch), results_key(batch), parked_key(batch))
  redis.call('ZREM', BATCHES, batch)
  redis.call('ZREM', DUE, batch)
  -- Its events are removed too. Kept: events since the oldest batch left was created, or the oldest one not delivered.
  local oldest = redis.call('ZRANGE', BATCHES, 0, 0, 'WITHSCORES')[2]
  local before = oldest and tonumber(oldest) or now
  redis.call('XTRIM', EVENTS, 'MINID', int(math.min(before, delivered_until())))
end
