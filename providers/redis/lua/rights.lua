-- Says which of the commands that the scripts and their callers use the user may not use here: with the keys, with
-- the channel, and by themselves.

local KEY, CHANNEL, ALONE = 1, 2, 3
local denied = {{}, {}, {}}
local function need(kind, name, ...)
  if not redis.acl_check_cmd(...) then
    table.insert(denied[kind], name)
  end
end

local key = KEYS[1] .. 'rights'
for _, command in ipairs({
  'DEL', 'EXISTS', 'GET', 'HDEL', 'HEXISTS', 'HGET', 'HKEYS', 'HLEN', 'HMGET', 'HRANDFIELD', 'HSET', 'HSETNX',
  'HSTRLEN', 'LINDEX', 'LLEN', 'LPOP', 'LRANGE', 'LTRIM', 'RPUSH', 'SADD', 'SET', 'SSCAN', 'UNLINK', 'ZADD', 'ZCARD', 'ZCOUNT', 'ZRANGE', 'ZREM',
  'ZREMRANGEBYSCORE', 'ZSCORE',
}) do
  need(KEY, command, command, key)
end
need(ALONE, 'TIME', 'TIME')
need(KEY, 'EVALSHA', 'EVALSHA', '', '1', key)
need(ALONE, 'SCRIPT|LOAD', 'SCRIPT', 'LOAD', '')
need(ALONE, 'PING', 'PING')
if ARGV[3] == 'wait' then
  need(ALONE, 'WAIT', 'WAIT', '1', '1')
end
if ARGV[2] == 'cluster' then
  need(CHANNEL, 'SPUBLISH', 'SPUBLISH', ARGV[1], '')
  need(CHANNEL, 'SSUBSCRIBE', 'SSUBSCRIBE', ARGV[1])
  need(ALONE, 'CLUSTER|SLOTS', 'CLUSTER', 'SLOTS')
else
  need(CHANNEL, 'PUBLISH', 'PUBLISH', ARGV[1], '')
  need(CHANNEL, 'SUBSCRIBE', 'SUBSCRIBE', ARGV[1])
end
return denied
