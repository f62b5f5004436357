-- What is done to batches bit by bit, beside the claims: one page of edits in all in one move, however many batches wait.
-- CHORES has them apart from DUE, so that they stand before no edit.
-- include: rarely clock batches deliveries groups

local OWN_COST = 5 -- what a batch itself costs, in edits

local chores = rarely(function(chores)
  local EVENTS_AT_ONCE = 10000 -- to remove; they cost much less than edits

  -- Remove the events that the batches left did not see. Kept: those since the oldest batch was created, or the oldest one that is
  -- not delivered. Returns whether that was all; what is left would be too much for this move.
  local function trim_events()
    local oldest = redis.call('ZRANGE', BATCHES, 0, 0, 'WITHSCORES')[2]
    local before = math.min(oldest and tonumber(oldest) or now, delivered_until())
    local gone = redis.call('XTRIM', EVENTS, 'MINID', '~', int(before), 'LIMIT', EVENTS_AT_ONCE)
    if gone > EVENTS_AT_ONCE / 2 then return false end
    redis.call('XTRIM', EVENTS, 'MINID', int(before))
    return true
  end

  -- The batch is gone, and its events are to go. Returns whether all of them went.
  local function forget(batch)
    local all = trim_events()
    if all then redis.call('ZREM', CHORES, batch) end
    return all
  end

  -- Remove up to `most` edits of a batch that ended long ago, from its end, so that the others keep their places; with the last one of
  -- all the batch itself. Its results stay in S3. Returns how many.
  function chores.remove_some(batch, most)
    local page, keys, gone = redis.call('RPOP', order_key(batch), most) or {}, {}, {}
    for i, custom_id in ipairs(page) do
      keys[i] = edit_key(batch .. '/' .. custom_id)
      local state = redis.call('HGET', keys[i], 'state') or 'completed'
      gone[state] = (gone[state] or 0) + 1
    end
    for state, n in pairs(gone) do
      redis.call('HINCRBY', batch_key(batch), 'n:' .. state, -n)
      count('n:' .. state, -n)
    end
    if #page > 0 then
      redis.call('UNLINK', unpack(keys))
      redis.call('HDEL', edits_key(batch), unpack(page))
      redis.call('HDEL', results_key(batch), unpack(page))
      groups.remove(batch, redis.call('LLEN', order_key(batch)), #page)
      local left = redis.call('LLEN', order_key(batch))
      local picked = #redis.call('GETRANGE', picks_key(batch), left, left + #page - 1)
      if picked > 0 then redis.call('SETRANGE', picks_key(batch), left, string.rep('\0', picked)) end -- new edits may come there
    end
    if #page == most then
      redis.call('HSET', batch_key(batch), 'removing', '1')
      return most
    end
    for job in string.gmatch(redis.call('HGET', batch_key(batch), 'jobs') or '', '%S+') do
      redis.call('UNLINK', job_key(job), job_key(job) .. ':chosen')
    end
    redis.call('UNLINK', batch_key(batch), order_key(batch), edits_key(batch), results_key(batch), parked_key(batch),
      strip_key(batch), groupstrip_key(batch), groups_key(batch), picks_key(batch))
    redis.call('UNLINK', names_key(batch))
    drop_sink(NOTIFY_PREFIX .. batch)
    redis.call('ZREM', BATCHES, batch)
    redis.call('ZREM', DUE, batch)
    return forget(batch) and #page or most
  end

  -- Up to `most` edits' worth of what is to be done to a batch. Returns how many that were.
  function chores.next_page(batch, most)
    local b = redis.call('HMGET', batch_key(batch), 'state', 'stale', 'expires', 'paused')
    local until_ms = tonumber(b[3] or '0')
    local moved = b[1] and not b[4] and unpark(batch, most) or 0
    if moved == most then return most end
    if not b[1] then return forget(batch) and 0 or most end
    if b[1] ~= 'completed' or b[2] then
      redis.call('ZREM', CHORES, batch) -- its end brings it back
    elseif until_ms > now then
      redis.call('ZADD', CHORES, int(until_ms), batch)
    else
      moved = moved + chores.remove_some(batch, most - moved)
    end
    return moved
  end
end)

local function do_chores(most)
  while most > 0 do
    local batch = redis.call('ZRANGEBYSCORE', CHORES, '-inf', NOW, 'LIMIT', 0, 1)[1]
    if not batch then return end
    most = most - OWN_COST - chores.next_page(batch, most)
  end
end
