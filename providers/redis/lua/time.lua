-- The server's time: whole milliseconds, and whether a part of the next one has passed.
local function server_time()
  local time = redis.call('TIME')
  local micros = tonumber(time[2])
  return time[1] * 1000 + math.floor(micros / 1000), micros % 1000 > 0
end
