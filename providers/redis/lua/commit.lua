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
  if outcome.envelope then
    see_receivers({ outcome.envelope })
  end
  remove_activity(head, outcome.lease.key, activity)
  return { dropped = outcome.envelope and (send(outcome.envelope)) or 0 }
end

local function apply(operation)
  if operation.turn then
    return commit_turn(operation.turn)
  end
  if operation.outcome then
    return commit_outcome(operation.outcome)
  end
  return send_from_client(operation.send)
end

-- The instance that an operation is about.
local function instance_of(operation)
  if operation.turn then
    return operation.turn.instance
  end
  return operation.outcome and operation.outcome.lease.instance or operation.send.to
end

local answers = {}
for place, operation in ipairs(R.operations) do
  local id = instance_of(operation)
  -- What members before have made of it is written: a member that fails has its own part alone forgotten.
  save_if_changed(id)
  local is_done, answer = pcall(function()
    local answer = apply(operation)
    save_if_changed(id)
    return answer
  end)
  if not is_done then
    forget(id)
    drop_posted()
    answer = { no = 'damaged', why = reason(answer) }
  end
  keep_posted(place - 1)
  answers[place] = answer
end
return finish(answers, R.changed, write_outboxes())
