-- Make a page of what was not delivered to a sink again, now; what was given up gets a new schedule. With the last page a sink
-- that is gone, or takes nothing, is asked again.
-- ARGV: now, sink, where the page before ended (0: this is the first).
-- Returns { how many are made again, where the page ended; '' with the last }.
-- Changes the sink (gone, held), the outbox, the deliveries (tries).
-- include: clock deliveries
local name, after = ARGV[2], ARGV[3]
local outbox, again = outbox_key(name), 0
local sink = sink_named(name)

local function make_again(member)
  if not redis.call('ZSCORE', outbox, member) then
    redis.call('HDEL', delivery_key(member), 'tries')
  elseif redis.call('HEXISTS', delivery_key(member), 'holder') == 1 then
    return -- a worker is at it
  end
  redis.call('ZADD', outbox, NOW, member)
  again = again + 1
end

local page = redis.call('ZRANGEBYSCORE', undelivered_key(name), '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE)
for i = 1, #page, 2 do make_again(page[i]) end
local more = #page == 2 * PAGE
if sink and sink.gone then again = more and 0 or redis.call('ZCARD', outbox) end -- also what was not tried, because it was gone
if sink and not more then
  try_anew(sink)
  write_sink(name, sink)
  schedule(name, sink)
end
return { again, more and event_place(page[#page - 1]) or '' }
