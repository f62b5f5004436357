-- The time of a move in ms, and how times are written. One clock for all workers: the Redis server's.
-- ARGV[1] of every script: the time in ms, or '' for the server's own clock.
local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local now = clock()

local function int(x) return string.format('%.0f', x) end
local NOW = int(now)
