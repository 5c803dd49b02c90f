-- When the next item of each queue is due. Whoever asks is alive, and told of what others do from now on.

-- After how many seconds a process that does not ask any more is told nothing.
local SILENT_SECONDS = 15

-- How many have just been found to be silent: one process learns of each.
local vanished

do
  -- By the server's clock, also where tests move the time.
  local seconds = tonumber(call('TIME')[1])
  vanished = call('ZREMRANGEBYSCORE', K .. 'nodes', '-inf', seconds - SILENT_SECONDS)
  if call('ZADD', K .. 'nodes', seconds, R.node) == 1 then
    -- The others are not alone any more.
    call(PUBLISH, R.bell, encode({ from = R.node, now = now, seq = seq, turns = {}, activities = {}, changed = {} }))
  end
end

-- The time is written once a second at least, so that a clock that is set back is found out.
has_counted = true
settle()
return encode({
  now = now, seq = seq, turns_due = dues_of(K .. 'r:', R.turns), activities_due = dues_of(K .. 'a:', R.activities),
  has_peers = call('ZCARD', K .. 'nodes') > 1, vanished = vanished,
})
