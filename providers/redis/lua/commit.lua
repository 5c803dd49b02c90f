-- Applies operations one after another, each whole or not at all, and answers each in its place (COM-05).

-- Removes an activity and sends its message (ACT-03, ACT-04).
local function commit_outcome(outcome)
  local activity, head = held_activity(outcome.lease)
  if not activity then
    return { no = 'lease_lost' }
  end
  if outcome.is_refused then
    return { no = 'refused' }
  end
  remove_activity(head, outcome.lease.key, activity)
  return { dropped = outcome.envelope and send(outcome.envelope) or 0 }
end

local answers = {}
for place, operation in ipairs(R.operations) do
  if operation.turn then
    answers[place] = commit_turn(operation.turn)
  elseif operation.outcome then
    answers[place] = commit_outcome(operation.outcome)
  else
    answers[place] = send_from_client(operation.send)
  end
end
settle()
ring(R.changed)
return encode({
  now = now, seq = seq, answers = answers, turns = pairs_of(raised.turns), activities = pairs_of(raised.activities),
})
