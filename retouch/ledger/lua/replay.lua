-- Deliver a page of the events to a sink again, whether it has taken them or not, under their ids. What is to be delivered anyway
-- is left alone. With each page a sink that is gone, or takes nothing, is asked again.
-- ARGV: now, sink, the stream id after which the page begins.
-- Returns { how many are made again, the stream id where the page ended; '' with the last }; of a sink that there is not: { 0, '' }.
-- Changes the sink (gone, held, replay), the outbox, the deliveries (tries).
-- include: clock deliveries events
local name, after = ARGV[2], ARGV[3]
local sink, again = sink_named(name), 0
if not sink then return { 0, '' } end
local batch = notified_batch(name)

local function is_for_it(fields)
  local event = {}
  for i = 1, #fields, 2 do event[fields[i]] = fields[i + 1] end
  return wants(sink.types or '', event.type) and (not batch or batch_of(event.subject) == batch)
end

local page = redis.call('XRANGE', EVENTS, '(' .. after, '+', 'COUNT', PAGE)
for _, entry in ipairs(page) do
  local member = name .. '/' .. entry[1]
  if is_for_it(entry[2]) and redis.call('ZADD', outbox_key(name), 'NX', NOW, member) == 1 then
    redis.call('HDEL', delivery_key(member), 'tries')
    again = again + 1
  end
end
local from = tonumber(string.match(after, '^%d+'))
if not sink.replay or now - sink.replay.at >= REPLAYED_MS or from < sink.replay.from then sink.replay = { from = from } end
sink.replay.at = now
try_anew(sink)
write_sink(name, sink)
schedule(name, sink)
return { again, #page == PAGE and page[#page][1] or '' }
