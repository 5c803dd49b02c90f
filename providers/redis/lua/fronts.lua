-- When the first items of some queues became claimable: for a claim of several partitions, which takes of each
-- what came first of all. One more than may be claimed tells whether there are others.

local prefix = K .. (R.of_turns and 'r:' or 'a:')
local fronts = {}
for place, queue in ipairs(R.queues) do
  local found = call('ZRANGE', prefix .. queue, '-inf', now, 'BYSCORE', 'LIMIT', 0, R.max + 1, 'WITHSCORES')
  local times = {}
  for i = 2, #found, 2 do
    times[#times + 1] = tonumber(found[i])
  end
  fronts[place] = times
end
return encode({ now = now, seq = seq, fronts = fronts, dues = dues_of(prefix, R.queues) })
