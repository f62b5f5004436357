-- Events: announced in the same move that makes the change.
-- include: clock

-- Changes: EVENTS, and OUTBOX for each sink that a worker has named. `data` is JSON text.
local function emit(kind, subject, data)
  local id = redis.call('XADD', EVENTS, 'MINID', '~', int(now - EVENTS_KEPT_MS), '*',
    'type', kind, 'subject', subject, 'time', int(now), 'data', data)
  local sinks = redis.call('HGET', STATE, 'sinks')
  if sinks then
    for sink in string.gmatch(sinks, '[^,]+') do
      redis.call('ZADD', OUTBOX, int(now), sink .. '/' .. id)
    end
  end
end
