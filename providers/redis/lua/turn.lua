-- A turn of an instance: checked whole, and then applied whole (COM-01).

local function is_at(head, turn)
  return head.ex == turn.execution and head.ev == turn.next_event
end

-- Why a turn's fence does not hold (FEN-01 to FEN-03, FEN-07).
local function fenced(head, turn)
  if turn.fence == 'absent' then
    return head and 'exists'
  end
  if turn.fence == 'at' then
    if not head or not is_held(head, turn.token) then
      return 'lease_lost'
    end
    return not is_at(head, turn) and 'conflict'
  end
  if not head or head.ic ~= turn.life or head.un > now or head.su then
    return 'lease_lost'
  end
  return not (is_at(head, turn) and head.ci == turn.base) and 'conflict'
end

-- Reads whatever a turn sends to, so that what is damaged of it is found before anything is written.
local function see_receivers(messages)
  for _, envelope in ipairs(messages) do
    local is_done, why = pcall(envelope.part and outbox_of or load, envelope.part or envelope.to)
    if not is_done then
      error('the receiver ' .. envelope.to .. ': ' .. reason(why))
    end
  end
end

-- Why a turn is not applied, and where in it.
local function refusal_of(head, turn)
  local refusal = fenced(head, turn)
  if refusal then
    return refusal
  end
  for place, lease in ipairs(turn.completed or NONE) do
    lease.activity, lease.head = held_activity(lease)
    if not lease.activity then
      return 'activity_lost', place
    end
  end
  if turn.is_refused then
    return 'refused'
  end
  if turn.opens and not (head and has_ended(head)) then
    return 'not_ended'
  end
  refusal = turn.values and too_many_values(head, turn.values)
  if refusal then
    return refusal
  end
  see_receivers(turn.messages or NONE)
  for _, new in ipairs(turn.activities or NONE) do
    if head and (head.ac or 0) > 0 and call('HEXISTS', base(head) .. 'w', new.key) == 1 then
      return 'key_taken'
    end
  end
  return nil
end

-- Writes the record of the current execution, which another one follows or has to.
local function file_execution(head, status, output)
  local ended_at = head.ee or now
  local record = { s = status, b = head.es, e = ended_at, o = output, n = head.ev }
  call('HSET', base(head) .. 'e', head.ex, encode(record))
  head.es = nil
end

-- Appends a chunk to the history of an execution. What a script has left there that failed in its middle, so that the
-- head does not count it, is cut off.
local function append_chunk(head, update)
  local key, count = base(head) .. 'h' .. update.execution, head.hc or 0
  local chunk = update.first_event .. update.next_event .. update.chunk
  if call('RPUSH', key, chunk) ~= count + 1 then
    if count == 0 then
      call('UNLINK', key)
    else
      call('LTRIM', key, 0, count - 1)
    end
    call('RPUSH', key, chunk)
  end
  head.hc = count + 1
end

-- Appends to an execution, and notes in the head how it stands, which is its record as long as no other one
-- follows it.
local function write_execution(head, update)
  local is_another = update.execution ~= head.ex
  if is_another and head.es then
    file_execution(head, head.st, output_of(head))
  end
  if is_another or not head.es then
    head.es = now
  end
  if is_another then
    head.hc = nil
  end
  if update.chunk then
    append_chunk(head, update)
  end
  head.ex, head.ev, head.ee = update.execution, update.next_event, nil
  if update.status == 'N' then
    keep_output(head, nil)
    head.st = 'R'
    file_execution(head, 'N', update.output)
  else
    keep_output(head, update.output)
    head.st = update.status
    head.ee = has_ended(head) and now or nil
  end
end

-- When the instance expires (EXP-01).
local function write_expiry(id, head, turn)
  if turn.executions then
    local expires_at = has_ended(head) and turn.expire and after(turn.expire) or nil
    if head.xp and not expires_at then
      call('ZREM', K .. 'exp', id)
    end
    head.xp = expires_at
  end
  -- Whoever was spared for a message that this turn has taken may go now.
  if head.xp then
    call('ZADD', K .. 'exp', head.xp, id)
  end
end

local function write_head(head, turn)
  head.o, head.v, head.cs = turn.orchestration, turn.version, turn.core_state
  head.ci, head.up = turn.commit, now
  head.tk, head.un, head.at = nil, now, nil
  if turn.suspended ~= nil then
    head.su = turn.suspended or nil
  end
  if head.nt then
    call('DEL', base(head) .. 'o')
    head.nt = nil
  end
  for _, update in ipairs(turn.executions or NONE) do
    write_execution(head, update)
  end
  if turn.executions then
    head.aw = turn.awaited
  end
  if has_ended(head) or head.ev == FIRST then
    head.aw = nil
  end
  if has_ended(head) then
    head.su = nil
  end
end

-- Removes activities, and names those that were leased (CAN-01, CAN-02).
local function cancel(head, cancelled, leased)
  if (head.ac or 0) == 0 then
    return
  end
  local found = { cancelled }
  if #cancelled == 16 then
    found = call('ZRANGE', base(head) .. 'x', '[' .. cancelled, '(' .. cancelled .. 'g', 'BYLEX')
  end
  for _, key in ipairs(found) do
    local activity = activity_of(head, key)
    if activity then
      remove_activity(head, key, activity)
      if is_leased(activity) then
        leased[#leased + 1] = { key, activity.tk }
      end
    end
  end
end

-- Sends a message, or leaves it to the relay if its receiver is in another partition. Answers how many were
-- dropped: a ghost tells its parent nothing, whose child it may not be, and cannot be adopted afterwards.
local function post(head, turn, place, envelope)
  if head.gh and envelope.to == head.pi and envelope.life == head.pc then
    head.gh = ''
    return 1
  end
  if envelope.part then
    append(envelope, place, turn.commit)
    return 0
  end
  return (send(envelope))
end

-- Parts take effect in the order of COM-08.
local function apply_turn(turn, head)
  local id = turn.instance
  head = head or create(id, turn.new, turn.life)
  touch(id)
  for _, message in ipairs(turn.consumed or NONE) do
    remove_message(head, message)
  end
  if turn.purge_through then
    purge_through(head, turn.purge_through)
  end
  write_head(head, turn)
  write_expiry(id, head, turn)
  write_values(head, turn.commit, turn.values or NONE)
  local removed = {}
  for _, lease in ipairs(turn.completed or NONE) do
    if not removed[lease.key .. lease.instance] then
      remove_activity(lease.head, lease.key, lease.activity)
      removed[lease.key .. lease.instance] = true
    end
  end
  local leased, dropped = {}, 0
  for _, cancelled in ipairs(turn.cancelled or NONE) do
    cancel(head, cancelled, leased)
  end
  for _, new in ipairs(turn.activities or NONE) do
    create_activity(id, head, new)
  end
  for place, envelope in ipairs(turn.messages or NONE) do
    dropped = dropped + post(head, turn, place - 1, envelope)
  end
  return {
    cancelled = leased, dropped = dropped, life = head.ic, queue = head.q, created = head.cr,
    has_parent = head.pi ~= nil, suspended = head.su == true,
  }
end

local function commit_turn(turn)
  local head = load(turn.instance)
  if head and head.ci == turn.commit then
    return { repeated = true }
  end
  local ghost
  if head and head.gh and turn.fence == 'absent' then
    -- The id is free: its instance is there by mistake.
    head, ghost = nil, head
  end
  local refusal, place = refusal_of(head, turn)
  if refusal then
    return { no = refusal, place = place }
  end
  if ghost then
    remove(turn.instance, ghost)
  end
  return apply_turn(turn, head)
end
