-- End pauses: the API took a request that was sent at `sent`, so whatever it refused before then is over.
-- ARGV: now, sent (ms; '' for a person's word: now), causes… Returns how many ended.
local sent, ended = tonumber(ARGV[2]) or now, 0
for i = 3, #ARGV do
  local known = redis.call('HGET', PAUSES, ARGV[i])
  if known and cjson.decode(known).touched <= sent then
    redis.call('HDEL', PAUSES, ARGV[i])
    ended = ended + 1
  end
end
return ended
