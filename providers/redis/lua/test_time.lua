-- A time that the conformance suite moves, in whole milliseconds.
local function server_time()
  return tonumber(redis.call('GET', KEYS[1] .. 'test_clock')), false
end
