-- Give a batch a sink of its own, in place of the one that it may have: what waits for that one goes to the new one.
-- ARGV: now, batch, url, what people are told of it, the types of events that it asks for (as `wants` reads them).
-- Returns 1; 0: there is no such batch.
-- Changes NOTIFY, NOTIFYING.
-- include: clock deliveries
local batch, url = ARGV[2], ARGV[3]
local name = NOTIFY_PREFIX .. batch
if redis.call('EXISTS', batch_key(batch)) == 0 then return 0 end
local sink = sink_named(name) or {}
if sink.url ~= url then try_anew(sink) end
sink.url, sink.shown, sink.types = url, ARGV[4], ARGV[5]
write_sink(name, sink)
schedule(name, sink)
return 1
