-- Whose fault a bad answer is: what one request says is compared with how the requests of others fare.
-- include: rarely clock pauses places edits

local HOSTS = 64 -- of results that are remembered
local ACCUSED = SUSPECTS .. 'new'

local runs_over = {} -- batch → true: nobody of it was refused since its run ended
-- An edit of the batch was taken.
local function end_run(batch)
  if runs_over[batch] then return end
  runs_over[batch] = true
  buffer.hdel(batch_key(batch), 'run', 'run_words', 'run_since')
end

local verdicts = rarely(function(verdicts)
  local STRIKES = 5 -- refusals of one edit, while others fare well: it is the edit
  local OUTAGE_AFTER = 5 -- errors in a row of one kind; fewer can be chance
  local REFUSED_PROBE_MS, STORE_PROBE_MS = 250, 5000
  local UNKEPT = 3 -- edits, or tries of one, whose result was not kept while none was
  local UNKEPT_MS = 5000 -- for so long no result was kept, where links fail; a store that refuses needs no such time
  local RUN = 20 -- edits of a batch in a row that are refused in the same words
  local OWN_WAIT_MAX_MS = 600000 -- of an edit that is asked to wait while others are taken
  local WAIT_MAX_MS = 86400000

  function verdicts.forget_oldest_host()
    local all, oldest, at = redis.call('HGETALL', WORKED), nil, math.huge
    for i = 1, #all, 2 do
      if string.sub(all[i], 1, 6) == 'fetch:' and tonumber(all[i + 1]) < at then oldest, at = all[i], tonumber(all[i + 1]) end
    end
    if oldest then redis.call('HDEL', WORKED, oldest) end
  end

  -- A status was answered at all: the API is there. One submit may find out whether it takes edits again; at once, where that
  -- was `asked` for, or statuses were not answered before.
  function verdicts.answered(kind, sent, known, asked)
    local outage = known[pause_name(kind, CAUSE.outage)]
    if kind == 'status' and outage and outage.touched <= sent then end_pause(pause_name(kind, CAUSE.outage), outage) end
    local submits = known[pause_name('submit', CAUSE.outage)]
    if kind == 'status' and submits and sent > submits.touched then
      submits.door = sent
      if submits.mute then submits.back, submits.mute = sent, nil end
      if outage or asked then submits['until'] = math.min(submits['until'], now) end
      write_pause(pause_name('submit', CAUSE.outage), submits)
    end
    redis.call('HDEL', STATE, 'fails:' .. kind)
  end

  -- An answer that does not ask to wait: the Retry-After is over, whatever else the answer says.
  function verdicts.not_throttled(kind, sent)
    local name = pause_name(kind, CAUSE.throttled)
    local pause = pauses()[name]
    if pause and pause.ends <= sent then end_pause(name, pause) end
  end

  -- An error of the API's server, or no answer.
  local function fell_silent(kind, words)
    local name = pause_name(kind, CAUSE.outage)
    note_refusal(words)
    local submits = kind == 'status' and pauses()[pause_name('submit', CAUSE.outage)]
    if submits then
      submits.mute = true
      write_pause(pause_name('submit', CAUSE.outage), submits)
    end
    if redis.call('HEXISTS', PAUSES, name) == 1 then
      touch_pause(name, words)
    elseif redis.call('HINCRBY', STATE, 'fails:' .. kind, 1) >= OUTAGE_AFTER then
      touch_pause(name, words, OUTAGE_PROBE_MS, { forced = now + FORCED_MS, forced_every = FORCED_MS, door = 0, back = 0 })
    end
  end

  -- The API asks to wait. An edit that is asked again while others were taken, and none of them was asked since, waits alone.
  -- Returns the least ms that the edit waits.
  local function throttle(id, key, kind, words, wait, before)
    wait = math.min(wait, WAIT_MAX_MS)
    local asked = SUSPECTS .. 'throttled:' .. kind
    if id then
      redis.call('HSET', key, 'throttled', NOW)
      if redis.call('SCARD', asked) < MAX_SUSPECTS then redis.call('SADD', asked, id) end
    end
    local alone = before and worked(kind) > tonumber(before) and redis.call('SCARD', asked) == 1
    if alone then return math.min(wait, OWN_WAIT_MAX_MS) end
    note_refusal(words)
    local pause = touch_pause(pause_name(kind, CAUSE.throttled), words, wait, { ends = 0 })
    pause.ends = math.max(pause.ends, now + wait)
    pause['until'] = math.max(pause['until'], pause.ends)
    write_pause(pause_name(kind, CAUSE.throttled), pause)
    if kind == 'submit' then cut_limit() end
    return wait
  end

  -- A submit was refused after the latest that was taken: it may be the account, or the address. `before`: the edit's
  -- refusal before this one.
  local function suspect(id, sent, words, before)
    local taken = worked('submit')
    if sent <= taken then return end
    note_refusal(words)
    local name = pause_name('submit', CAUSE.refused)
    redis.call('SADD', SUSPECTS .. 'submit', id)
    local many = redis.call('SCARD', SUSPECTS .. 'submit') >= MAX_SUSPECTS
    if many or (before and tonumber(before) > taken) or redis.call('HEXISTS', PAUSES, name) == 1 then
      redis.call('DEL', SUSPECTS .. 'submit')
      touch_pause(name, words, REFUSED_PROBE_MS)
    end
  end

  -- A result was not fetched (by: fetch) or not stored (by: store). While none is, nothing new is paid for.
  -- `id`: nil when a worker has only tried whether it can store, of which nothing is known while others do.
  local function not_kept(id, by, sent, words, tries)
    local kept = worked('store')
    if sent <= kept or (not id and now - kept <= UNKEPT_MS) then return end
    local name = pause_name('submit', CAUSE.store)
    if id then redis.call('SADD', SUSPECTS .. 'store', id) end
    local many = not id or redis.call('SCARD', SUSPECTS .. 'store') >= UNKEPT or tries >= UNKEPT
    if redis.call('HEXISTS', PAUSES, name) == 1 or (many and (by == 'store' or now - kept > UNKEPT_MS)) then
      touch_pause(name, words, by == 'store' and 0 or STORE_PROBE_MS, { by = by })
    end
  end

  -- What one request says of an edit's kind of request. `e`: { throttled, last_strike, tries } of the edit before.
  -- Returns the least ms that the edit waits.
  function verdicts.observe(id, key, o, e)
    local kind, sent, fared, words = o[1], o[2] == 0 and now or o[2], o[3], o[4]
    if fared == FARED.silent then
      fell_silent(kind, words)
    elseif fared == FARED.unreached then
      fell_silent('submit', words)
      fell_silent('status', words)
    elseif fared == FARED.throttled then
      return throttle(id, key, kind, words, o[5], e.throttled)
    elseif fared == FARED.answered then
      local known = pauses()
      verdicts.answered(kind, sent, known, not id)
      if kind == 'status' then redis.call('HSET', STATE, 'answered_at', int(sent)) end
      verdicts.not_throttled(kind, sent)
      local name = pause_name(kind, CAUSE.outage)
      local outage = kind == 'submit' and known[name]
      if kind == 'submit' and words ~= '' then note_refusal(words) end
      if outage and outage.touched <= sent then end_pause(name, outage) end
    elseif fared == FARED.refused then
      if kind == 'submit' then suspect(id, sent, words, e.last_strike) end
      if kind == 'status' then
        note_refusal(words)
        verdicts.answered(kind, sent, pauses())
      end
      verdicts.not_throttled(kind, sent)
    elseif fared == FARED.failed then
      not_kept(id, kind == 'store' and 'store' or 'fetch', sent, words, e.tries)
    end
    return 0
  end

  -- An edit is refused for the first time, and nobody has fared well since.
  local function accuse(kind)
    if redis.call('HLEN', ACCUSED) > HOSTS + 3 then redis.call('DEL', ACCUSED) end
    redis.call('HINCRBY', ACCUSED, kind, 1)
  end

  -- One refusal of an edit, sent at `sent`. Returns true when it is the edit's own fault: many times over `patience` ms, while
  -- others fared well, sent after its first, and it was asked once more after the first of them that it met (its witness): what
  -- was sent before says nothing of an API that is well since. When others were refused for the first time since, it may be
  -- the API by now.
  function verdicts.strike(key, kind, patience, sent)
    local e = redis.call('HMGET', key, 'strikes', 'first_strike', 'witness')
    local strikes, first, good = tonumber(e[1] or '0') + 1, tonumber(e[2] or NOW), worked(kind)
    if strikes == 1 and sent > good then accuse(kind) end
    redis.call('HSET', key, 'strikes', strikes, 'first_strike', int(first), 'last_strike', NOW)
    local witness = tonumber(e[3] or '0')
    if witness == 0 and good > first then
      witness = good
      redis.call('HSET', key, 'witness', int(good))
    end
    local all_are = tonumber(redis.call('HGET', ACCUSED, kind) or '0') >= MAX_SUSPECTS
    return strikes >= STRIKES and now - first >= patience and witness > 0 and sent > witness and not all_are
  end

  -- Edits of a batch refused in a row in the same words, each counted once, pause the batch. Where the words do not say
  -- that the edit is wrong, only if an edit of another batch was taken meanwhile. `before`: the edit's last refusal.
  function verdicts.note_run(id, run, words, before)
    local batch = split(id)
    local key = batch_key(batch)
    runs_over[batch] = nil
    local b = redis.call('HMGET', key, 'run', 'run_words', 'run_since', 'paused')
    local n, since = tonumber(b[1] or '0'), tonumber(b[3] or '0')
    if b[2] ~= run.words then
      n, since = 0, now
      redis.call('HSET', key, 'run_words', run.words, 'run_since', NOW)
    elseif before and tonumber(before) >= since then
      return
    end
    redis.call('HSET', key, 'run', n + 1)
    if n + 1 >= RUN and (run.definite or worked('submit') > since) then pause_batch(batch, BATCH_PAUSE.refusals, words) end
  end
end)

-- A request that was sent at `sent` fared well. `put`: the store took an object that is no result.
local function fared_well(kind, sent)
  if kind ~= 'put' and sent > worked(kind) then
    if redis.call('HSET', WORKED, kind, int(sent)) == 1 and redis.call('HLEN', WORKED) > HOSTS + 3 then
      verdicts.forget_oldest_host()
    end
    if kind == 'submit' or kind == 'store' then redis.call('DEL', SUSPECTS .. kind) end
    if kind == 'submit' or kind == 'status' then redis.call('DEL', SUSPECTS .. 'throttled:' .. kind) end
    redis.call('HDEL', ACCUSED, kind)
  end
  if redis.call('HLEN', PAUSES) == 0 then
    if kind == 'submit' or kind == 'status' then redis.call('HDEL', STATE, 'fails:' .. kind) end
    return
  end
  local known = pauses()
  if kind == 'store' or kind == 'put' then
    local name = pause_name('submit', CAUSE.store)
    local pause = known[name]
    -- A result that was kept ends it whoever still fails: one host that is away holds back nobody else's results.
    local ends = pause and (kind == 'store' and pause.since <= sent or pause.by == 'store' and pause.touched <= sent)
    if ends then end_pause(name, pause) end
  elseif kind == 'submit' or kind == 'status' then
    verdicts.answered(kind, sent, known)
    verdicts.not_throttled(kind, sent)
    for _, cause in ipairs({ CAUSE.refused, CAUSE.outage }) do
      local name = pause_name(kind, cause)
      local pause = redis.call('HEXISTS', PAUSES, name) == 1 and known[name]
      if pause and pause.touched <= sent then end_pause(name, pause) end
    end
  end
end
