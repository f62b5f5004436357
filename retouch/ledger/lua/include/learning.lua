-- What is known of how long a kind of work takes: a lesson scales it and adds to it.
-- The numbers come from polling/learning.py. The addition is done here, so that it is atomic for all workers.
-- include: clock

local function remember(lesson)
  local key, known, weight = learned_key(lesson.kind), {}, 0
  local raw = redis.call('HGETALL', key)
  for i = 1, #raw, 2 do
    known[raw[i]] = tonumber(raw[i + 1])
    if tonumber(raw[i]) < LEARNED_BINS then weight = weight + known[raw[i]] end
  end
  local scale = math.min(1, lesson.keep / math.max(weight, 1))
  for field, value in pairs(known) do known[field] = value * scale end
  for field, value in pairs(lesson.increments) do known[field] = (known[field] or 0) + value end
  for field, value in pairs(known) do
    if value > 0.0005 then
      redis.call('HSET', key, field, string.format('%.4f', value))
    else
      redis.call('HDEL', key, field)
    end
  end
  redis.call('ZADD', KINDS, NOW, lesson.kind)
  if redis.call('ZCARD', KINDS) > LEARNED_KINDS then
    redis.call('UNLINK', learned_key(redis.call('ZPOPMIN', KINDS)[1]))
  end
end
