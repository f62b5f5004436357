-- Producers for wrk: each sends one edit a request, at moments of its own, and every edit is new.
-- BENCH_TOKEN is their key, BENCH_PAUSE_MS how long one waits between two requests, in the mean.
local token, pause_ms = os.getenv('BENCH_TOKEN'), tonumber(os.getenv('BENCH_PAUSE_MS'))
local headers = { ['Authorization'] = 'Bearer ' .. token, ['Content-Type'] = 'application/jsonl' }
local number = 0
local EDIT = '{"custom_id":"edit-%d","prompt":"an oil painting of hills at sunset, study %d",'
  .. '"init_image":"https://images.example.com/house.jpg","seed":%d}\n'

function init() math.randomseed(os.time()) end

function delay() return math.floor(2 * pause_ms * math.random()) end

function request()
  number = number + 1
  return wrk.format('POST', '/v1/batches', headers, string.format(EDIT, number, number, number))
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
    + summary.errors.timeout
  io.stderr:write(string.format('{"requests":%d,"failed":%d,"seconds":%.3f,"us":{"0.5":%d,"0.95":%d,"0.99":%d}}\n',
    summary.requests, failed, summary.duration / 1e6, latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
