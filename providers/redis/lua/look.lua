-- Looks of management: one in a call, which is a slice of what was asked for.

local LOOKS = {
  inspect = inspect, activities = list_activities, executions = list_executions,
  instances = list_instances, counts = count_instances, queues = count_queues,
}

for kind, asked in pairs(R) do
  return encode(LOOKS[kind](asked))
end
