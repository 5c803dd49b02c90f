-- Says which of the commands that the scripts and their callers use the user may not use here.

local denied = {}
local function need(command, ...)
  if not redis.acl_check_cmd(command, ...) then
    denied[#denied + 1] = command
  end
end

local key = KEYS[1] .. 'rights'
for _, command in ipairs({
  'DEL', 'EXISTS', 'GET', 'HDEL', 'HEXISTS', 'HGET', 'HKEYS', 'HLEN', 'HMGET', 'HRANDFIELD', 'HSET', 'HSETNX',
  'HSTRLEN', 'LINDEX', 'LLEN', 'LPOP', 'LRANGE', 'LTRIM', 'RPUSH', 'SADD', 'SET', 'SSCAN', 'UNLINK', 'ZADD', 'ZCARD', 'ZCOUNT', 'ZRANGE', 'ZREM',
  'ZREMRANGEBYSCORE', 'ZSCORE',
}) do
  need(command, key)
end
need('TIME')
need('EVALSHA', '', '1', key)
need('SCRIPT', 'LOAD', '')
need('PING')
if ARGV[3] == 'wait' then
  need('WAIT', '1', '1')
end
if ARGV[2] == 'cluster' then
  need('SPUBLISH', ARGV[1], '')
  need('SSUBSCRIBE', ARGV[1])
  need('CLUSTER', 'SLOTS')
else
  need('PUBLISH', ARGV[1], '')
  need('SUBSCRIBE', ARGV[1])
end
return denied
