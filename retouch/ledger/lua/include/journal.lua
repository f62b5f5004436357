-- The journal of an edit: what was done about it, and when. It lies in up to four fields of the edit's hash (h0 to h3), which are one
-- text together, cut where a longer value would make Redis keep the hash as no packed list.
-- include: buffer rarely clock

-- An entry: MARK time [.detail] [:name] [~wait] [*count], numbers with 36 digits. The first one's time is of the clock; the times
-- of the others count from there. `name`: a worker, words or a code, by its number among the batch's names. Equal entries in a row are
-- one, with the time, and the wait, of the last. A journal that is full loses its middle, of which the number of entries is kept.
local journal = rarely(function(journal)
  local FIELD = 64
  local MOST = 240
  local HEAD, AFTER_FOLD = 80, 180 -- how much of the beginning stays; how much is left at most
  local NAMES_MOST = 500
  local WAIT_TOLD_MS = 1000

  local function digit(n) return n < 10 and 48 + n or 87 + n end

  local function base36(number)
    number = math.max(0, math.floor(number))
    if number < 36 then return string.char(digit(number)) end
    local last = number % 1296
    local low = string.char(digit(math.floor(last / 36)), digit(last % 36))
    if number < 1296 then return low end
    return base36((number - last) / 1296) .. low
  end

  function journal.begun() return MARK.enqueued .. base36(now) end

  -- The number of a name in a batch's journals; '' for one that is too much.
  local numbers = {}
  local function number_of(batch, name)
    local known = batch .. '/' .. name
    if not numbers[known] then
      local number = redis.call('HGET', names_key(batch), name)
      if not number then
        number = redis.call('HLEN', names_key(batch)) + 1
        if number > NAMES_MOST then return '' end
        redis.call('HSET', names_key(batch), name, int(number))
      end
      numbers[known] = base36(tonumber(number))
    end
    return numbers[known]
  end

  -- The middle of a journal that is too long is left out, but for the number of its entries.
  local function folded(text)
    local head, rest, count = '', {}, 0
    for entry in string.gmatch(text, '%u%U*') do
      local mark = string.sub(entry, 1, 1)
      if mark == MARK.folded then
        count = count + tonumber(string.sub(entry, 2), 36)
      elseif count == 0 and #rest == 0 and #head + #entry <= HEAD then
        head = head .. entry
      else
        rest[#rest + 1] = entry
      end
    end
    local length, first = #table.concat(rest), 1
    while #head + length > AFTER_FOLD do
      length = length - #rest[first]
      count = count + (tonumber(string.match(rest[first], '%*([%l%d]+)$') or '1', 36))
      first = first + 1
    end
    return head .. MARK.folded .. base36(count) .. table.concat(rest, '', first)
  end

  -- Where the last entry begins, and its parts: mark, time, `.detail:name`, count.
  local function last_entry(text)
    local first = string.find(text, '%u%U*$')
    return first, string.match(text, '^(%u)([%l%d]+)([.:%l%d]*)~?[%l%d]*%*?([%l%d]*)$', first)
  end

  local function with_entry(text, at, mark, what, wait)
    local count = 1
    if string.match(text, '.*(%u)') == mark then
      local first, _, _, its_what, times = last_entry(text)
      if its_what == what then
        count = (times == '' and 1 or tonumber(times, 36)) + 1
        text = string.sub(text, 1, first - 1)
      end
    end
    text = text .. mark .. at .. what .. (wait and '~' .. base36(wait) or '') .. (count > 1 and '*' .. base36(count) or '')
    return #text > MOST and folded(text) or text
  end

  -- With the pauses that ended since the last entry, if it has waited for them.
  local function with_waits(text, begun, batch, paused)
    for _, pause in ipairs(paused) do
      local _, mark, time = last_entry(text)
      local since = math.max(pause[1], begun + (mark == MARK.enqueued and 0 or tonumber(time, 36)))
      if pause[2] - since >= WAIT_TOLD_MS then
        text = with_entry(text, base36(since - begun), MARK.waited, ':' .. number_of(batch, pause[3]), pause[2] - since)
      end
    end
    return text
  end

  -- The fields as they are: h0 alone, unless it is full.
  local function fields_of(key, first)
    if first == nil then first = redis.call('HGET', key, 'h0') end
    if first and #first == FIELD then return redis.call('HMGET', key, 'h0', 'h1', 'h2', 'h3') end
    return { first, false, false, false }
  end

  local function put_fields(key, text, was)
    if #text <= FIELD and not was[2] then return buffer.hset(key, 'h0', text) end
    for n = 0, 3 do
      local part = string.sub(text, FIELD * n + 1, FIELD * n + FIELD)
      if part == '' then
        if was[n + 1] then buffer.hdel(key, 'h' .. n) end
      elseif part ~= was[n + 1] then
        buffer.hset(key, 'h' .. n, part)
      end
    end
  end

  -- Write an entry into an edit's journal, if it has one. `first`: its field h0, or nil: the caller has not read it. `detail`: digits or
  -- small letters; `name`: a worker, or words; `wait`: in ms; `paused`: { since, until (ms), name } of pauses that have ended.
  function journal.record(id, first, mark, detail, name, wait, paused)
    local key = edit_key(id)
    local was = fields_of(key, first)
    if not was[1] then return end
    local text = was[2] and was[1] .. was[2] .. (was[3] or '') .. (was[4] or '') or was[1]
    local begun = tonumber(string.match(text, '^%u([%l%d]+)'), 36)
    local batch = (paused or name) and string.match(id, '^[^/]+')
    if paused then text = with_waits(text, begun, batch, paused) end
    local what = (detail and '.' .. detail or '') .. (name and ':' .. number_of(batch, name) or '')
    put_fields(key, with_entry(text, base36(now - begun), mark, what, wait), was)
  end
end)
