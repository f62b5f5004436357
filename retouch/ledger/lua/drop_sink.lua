-- A person removes a sink, with all that waits for it; events of before stay for the other sinks.
-- ARGV: now, sink, seen_ms (a worker that was seen within this time lives).
-- Returns 1 dropped; 0: there is no such sink; -1: a worker that lives has it, and nothing was changed.
-- Changes the sink, its outbox, what it has not taken, STATE (sinks).
-- include: clock deliveries
local name, sink = ARGV[2], sink_named(ARGV[2])
if not sink then return 0 end
if not notified_batch(name) and now - sink.seen < tonumber(ARGV[3]) then return -1 end
drop_sink(name)
local told, kept = {}, redis.call('HGET', STATE, 'sinks') or ''
for one, types in string.gmatch(kept, '([^,;]+)([^,]*)') do
  if one ~= name then told[#told + 1] = one .. types end
end
redis.call('HSET', STATE, 'sinks', table.concat(told, ','))
return 1
