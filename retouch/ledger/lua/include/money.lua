-- What submits cost. A POST that is begun reserves the price of its images (`committed`); its answer turns that into `spent`, or
-- releases it; where none comes, it is `doubtful`. Each is a sum of its batch and of its day, the UTC day of its POST; all are
-- whole micro-units of the currency. Where there is no price, nothing is written.
-- include: rarely clock batch_pauses pauses counts

local money = rarely(function(money)
  local MICRO = 1000000
  local KEPT_S = 400 * 86400
  local DAY_MS = 86400000

  -- The day of this move, such as 2026-11-27: Redis' Lua has no calendar. Years begin in March, so that the leap day ends one.
  local known
  function money.today()
    if known then return known end
    local days = math.floor(now / DAY_MS) + 719468
    local era = math.floor(days / 146097)
    local of_era = days - era * 146097
    local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    known = string.format('%04d-%02d-%02d', year + era * 400 + (month <= 2 and 1 or 0), month, day)
    return known
  end

  -- `0.50 USD`, `0.035 USD`: as people read it, and as results have it; two digits after the point, or more (retouch/price.py).
  function money.shown(micros, currency)
    local digits = string.match(string.format('%06d', micros % MICRO), '^(%d%d%d-)0*$')
    return int(math.floor(micros / MICRO)) .. '.' .. digits .. ' ' .. currency
  end

  -- Add to a sum of a batch and of a day; returns what that of the batch is now. A day that is forgotten is not begun anew.
  local function add_to(batch, day, sum, micros)
    local key = money_key(day)
    if day == money.today() or redis.call('EXISTS', key) == 1 then
      if redis.call('HINCRBY', key, sum, int(micros)) == micros then
        redis.call('EXPIRE', key, KEPT_S)
        redis.call('HSET', STATE, 'counted', '1') -- from now on no other currency
      end
    end
    count('money:' .. sum, micros)
    return redis.call('HINCRBY', batch_key(batch), sum, int(micros))
  end

  -- Why `micros` more do not fit into what a batch, or a day, may cost; nil: they do.
  function money.beyond(key, most, micros, currency)
    local m = redis.call('HMGET', key, 'spent', 'committed', 'doubtful')
    local spent, committed, doubtful = tonumber(m[1] or '0'), tonumber(m[2] or '0'), tonumber(m[3] or '0')
    if spent + committed + doubtful + micros <= most then return nil end
    local parts = { money.shown(spent, currency) .. ' spent' }
    if committed > 0 then parts[#parts + 1] = money.shown(committed, currency) .. ' under way' end
    if doubtful > 0 then parts[#parts + 1] = money.shown(doubtful, currency) .. ' doubtful' end
    return 'of ' .. money.shown(most, currency) .. ': ' .. table.concat(parts, ', ') .. ', and the next edit costs ' ..
      money.shown(micros, currency)
  end

  -- The money of the day is used up: no submit before the next one begins. A claim ends this pause.
  function money.pause_day(reason, most)
    local pause = touch_pause(DAILY, reason, 0, { most = int(most) })
    pause['until'] = (math.floor(now / DAY_MS) + 1) * DAY_MS
    write_pause(DAILY, pause)
  end

  -- Also if it is a day to come: the clock has been set back.
  function money.day_is_over(pause) return pause['until'] <= now or pause['until'] > now + DAY_MS end

  function money.look_at_day_again(price, currency)
    local text = redis.call('HGET', PAUSES, DAILY)
    local pause = text and cjson.decode(text)
    if pause and not money.beyond(money_key(money.today()), tonumber(pause.most), price, currency) then end_pause(DAILY, pause) end
  end

  -- What was reserved is decided, all of it, or a budget is another: what did not fit may fit now.
  function money.look_again(batch)
    local s = redis.call('HMGET', STATE, 'price', 'currency')
    local b = redis.call('HMGET', batch_key(batch), 'paused', 'budget')
    if b[1] and b[2] and batch_pauses(batch)[BATCH_PAUSE.budget]
      and not money.beyond(batch_key(batch), tonumber(b[2]), tonumber(s[1]), s[2]) then
      end_batch_pause(batch, BATCH_PAUSE.budget)
    end
    money.look_at_day_again(tonumber(s[1]), s[2])
  end

  -- Why a batch cannot have a budget that is said in this currency ('': that of the price); nil: it can.
  function money.refused(currency)
    local s = redis.call('HMGET', STATE, 'price', 'currency')
    if not s[1] then return redis.error_reply('NOPRICE a budget needs a price') end
    if currency ~= '' and currency ~= s[2] then return redis.error_reply('CURRENCY ' .. s[2]) end
  end

  function money.give_budget(batch, micros)
    redis.call('HSET', batch_key(batch), 'budget', micros, 'currency', redis.call('HGET', STATE, 'currency'))
    redis.call('HSET', STATE, 'counted', '1')
  end

  -- A POST of an edit is begun: what it costs is set aside. The edit keeps the day.
  function money.reserve(batch, id, micros)
    local day = money.today()
    redis.call('HSET', edit_key(id), 'reserved', int(micros) .. ' ' .. day)
    if add_to(batch, day, 'committed', micros) == micros then
      redis.call('HSET', batch_key(batch), 'currency', redis.call('HGET', STATE, 'currency'))
    end
  end

  -- What became of a POST of which `reserved` is kept: `spent`; `doubtful`, and if its number may be sent again (`open`), an answer
  -- may still come; nil: it was surely not taken.
  function money.settle(batch, id, reserved, becomes, open)
    local micros, day, doubt = string.match(reserved, '^(%d+) (%S+)(.*)$')
    local was = doubt == '' and 'committed' or 'doubtful'
    micros = tonumber(micros)
    if open then
      redis.call('HSET', edit_key(id), 'reserved', int(micros) .. ' ' .. day .. ' ?')
    else
      redis.call('HDEL', edit_key(id), 'reserved')
    end
    if becomes == was then return end
    local left = add_to(batch, day, was, -micros)
    if becomes then add_to(batch, day, becomes, micros) end
    if was == 'committed' then
      if becomes then redis.call('HINCRBY', edit_key(id), 'paid', int(micros)) end
      if left == 0 then money.look_again(batch) end
    end
  end
end)
