-- A worker starts. Its price of an image holds if nobody has said one before.
-- ARGV: now, price (micro-units; '': it has none), currency, what all submits of a day may cost (micro-units; '': any amount).
-- Returns { the price that holds, its currency }; of none { '', '' }.
-- Emits retouch.resumed, if submits pause since another daily budget was used up.
-- Changes STATE (price, currency), PAUSES.
-- include: clock money
if ARGV[2] ~= '' and redis.call('HSETNX', STATE, 'price', ARGV[2]) == 1 then redis.call('HSET', STATE, 'currency', ARGV[3]) end
local s = redis.call('HMGET', STATE, 'price', 'currency')
local pause = pauses()[DAILY]
if pause then
  pause.most = ARGV[4]
  if ARGV[4] == '' then
    end_pause(DAILY, pause)
  else
    write_pause(DAILY, pause)
    money.look_at_day_again(tonumber(s[1]), s[2])
  end
end
return { s[1] or '', s[2] or '' }
