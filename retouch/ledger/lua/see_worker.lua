-- Note that a worker lives, and the sinks that events are to be delivered to.
-- ARGV: now, name, sinks (comma separated), seen_ms (a worker not seen for this long is removed), a random name.
-- Returns 1.
-- Changes WORKERS, STATE (sinks, deployment).
-- include: clock
redis.call('ZADD', WORKERS, int(now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', int(now - tonumber(ARGV[4])))
redis.call('HSET', STATE, 'sinks', ARGV[3])
redis.call('HSETNX', STATE, 'deployment', ARGV[5])
return 1
