-- End claims on edits, or move them on. A claim whose fence is old, or whose edit is in another state, changes nothing.
-- ARGV: now, JSON list of { id, fence, from: [states], to, delay_ms, keep, untaken, answered, deadline_ms, lesson,
--   set: {}, drop: [], outputs: JSON text, error: JSON text }.
--   delay_ms     when the edit is due again (the claim ends)
--   keep         the claim and its lease go on instead
--   untaken      the API did not take the submit: its number is free again
--   answered     the API gave a good answer: troubles in a row end here
--   deadline_ms  the API took it just now, and has so long
--   lesson       { kind, keep, increments } of a result that was seen
-- Returns per item: 1 settled, 0 refused.
-- Emits retouch.edit.completed, .failed or .cancelled for each edit that ends.
-- Changes the edit, its batch's counts, READY, DUE, RESULTS, STATE (places, limit, result_ms, fails), KINDS.
-- include: clock edits pauses places learning

local answered = false

local function apply(item)
  local key = edit_key(item.id)
  local e = redis.call('HMGET', key, 'fence', 'state')
  local state = e[2]
  if e[1] ~= tostring(item.fence) then return 0 end
  local expected = false
  for _, from in ipairs(item.from) do expected = expected or from == state end
  if not expected then return 0 end
  if item.drop and #item.drop > 0 then redis.call('HDEL', key, unpack(item.drop)) end
  if item.set then
    for field, value in pairs(item.set) do redis.call('HSET', key, field, value) end
  end
  if item.deadline_ms and state == 'submitting' then
    redis.call('HSET', key, 'submitted_at', int(now), 'deadline', int(healthy_now() + item.deadline_ms))
    grow_limit()
  end
  if item.answered then answered = true end
  if state == 'waiting' and item.to == 'copying' then note_result(key) end
  if item.lesson then remember(item.lesson) end
  if item.untaken then redis.call('HINCRBY', key, 'submits', -1) end
  if TERMINAL[item.to] then
    end_edit(item.id, state, item.to, item.outputs, item.error)
    return 1
  end
  if item.to == 'queued' then
    requeue(item.id, state, item.delay_ms)
    return 1
  end
  if item.to ~= 'submitting' then redis.call('HDEL', key, 'intent', 'resent') end
  if item.to ~= state then set_state(item.id, state, item.to) end
  if item.to == 'copying' then free_places(item.id) end
  if not item.keep then
    redis.call('HDEL', key, 'holder', 'begun', 'rescues')
    redis.call('ZADD', DUE, int(now + (item.delay_ms or 0)), item.id)
  end
  return 1
end

local verdicts = {}
for _, item in ipairs(cjson.decode(ARGV[2])) do verdicts[#verdicts + 1] = apply(item) end
if answered and redis.call('HEXISTS', PAUSES, CAUSE.outage) == 0 then redis.call('HDEL', STATE, 'fails') end
return verdicts
