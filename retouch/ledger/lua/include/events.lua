-- Events: announced in the same move that makes the change.
-- include: clock

-- The first event of all: from it on, ids have the installation's name in them. If no worker has made that yet, it is this
-- microsecond, with a sum of what is told: a script has no random numbers.
local function begin_naming(id, subject, data)
  local t, sum = redis.call('TIME'), 0
  for _, byte in ipairs({ string.byte(string.sub(EVENTS .. subject .. data, 1, 1000), 1, -1) }) do sum = (sum * 31 + byte) % 4096 end
  redis.call('HSETNX', STATE, 'deployment', string.format('%08x%05x%03x', tonumber(t[1]), tonumber(t[2]), sum))
  redis.call('HSET', STATE, 'named_from', id)
end

-- Whether a sink is told of events of this type. `types`: those that it asks for, such as `;edit.failed;paused;`; '': all.
local function wants(types, kind)
  return types == '' or string.find(types, ';' .. string.sub(kind, #'retouch.' + 1) .. ';', 1, true) ~= nil
end

-- The batch that an event is of, by its subject; of a pause of all batches something that is none's name.
local function batch_of(subject) return string.match(subject, '^[^/]+') end

local owns = {} -- batch → its own sink, as it was read
-- A batch's own sink, if it has one and it asks for this.
local function emit_to_own(kind, batch, id)
  if owns[batch] == nil then owns[batch] = redis.call('HGET', NOTIFY, batch) end
  local own = owns[batch]
  if not own or not wants(cjson.decode(own).types, kind) then return end
  local sink = NOTIFY_PREFIX .. batch
  redis.call('ZADD', outbox_key(sink), NOW, sink .. '/' .. id)
  redis.call('ZADD', NOTIFYING, 'LT', NOW, sink)
end

local named -- what the workers' sinks are, and from which id on they are named

-- Changes: EVENTS, STATE, the outbox of each sink that workers have named, and of the batch's own. `data` is JSON text.
local function emit(kind, subject, data)
  local id = redis.call('XADD', EVENTS, 'MINID', '~', int(now - EVENTS_KEPT_MS), '*',
    'type', kind, 'subject', subject, 'time', NOW, 'data', data)
  named = named or redis.call('HMGET', STATE, 'sinks', 'named_from')
  if not named[2] then
    begin_naming(id, subject, data)
    named[2] = id
  end
  for sink, types in string.gmatch(named[1] or '', '([^,;]+)([^,]*)') do
    if wants(types, kind) then redis.call('ZADD', outbox_key(sink), NOW, sink .. '/' .. id) end
  end
  emit_to_own(kind, batch_of(subject), id)
end
