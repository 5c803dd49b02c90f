-- When the first items of some queues became claimable: for a claim of several partitions, which takes of each
-- what came first of all. One more than may be claimed tells whether there are others.

local prefix = K .. (R.of_turns and 'r:' or 'a:')
local fronts = {}
for place, queue in ipairs(R.queues) do
  local times = {}
  for place, item in ipairs(front_of(prefix, queue, R.max + 1)) do
    times[place] = item.at
  end
  fronts[place] = times
end
return encode({ now = now, seq = seq, fronts = fronts, more = is_cut_short, dues = dues_of(prefix, R.queues) })
