-- Messages on their way to an inbox.

local function lives(head, life)
  return head and (not life or head.ic == life)
end

-- What tells two starts of an instance apart, but for their delays: a delay shrinks on its way, and what has begun
-- has waited.
local function digest_of(envelope)
  local new, message = envelope.new, envelope.message
  return redis.sha1hex(encode({
    envelope.to, message.id, message.channel, message.execution or false, message.body, new.queue,
    new.parent or false, new.parent_life or false, new.labels or false, new.orchestration, new.core_state,
  })):sub(1, 16)
end

-- Whether the instance that a start creates is there, as a ghost: begun by the same start, which its source has
-- lost and now sends again. A ghost of another start gives way.
local function adopts(id, head, envelope)
  if head.gh == digest_of(envelope) then
    head.gh = nil
    touch(id)
    return true
  end
  remove(id, head)
  return false
end

-- A start of a turn's. Answers the number of the message, or of the instance and that it is one.
local function begin(envelope)
  local id, message = envelope.to, envelope.message
  local head = load(id)
  if head and head.gh then
    if adopts(id, head, envelope) then
      return head.n, true
    end
    head = nil
  end
  -- The start that created it has done its work, however often it comes (STA-03).
  if lives(head, message.id) then
    return nil
  end
  if head then
    -- It must be answered now, whether the instance is suspended or not (STA-03).
    return store_message(id, head, message, 'c', now)
  end
  head = create(id, envelope.new, message.id)
  store_message(id, head, message, message.channel, after(envelope.delay))
  return head.n, true
end

-- Stores a message, or drops it if nobody is there to receive it (MSG-05). Answers how many were dropped, and
-- the number of what came of it: of the message, or of the instance and that it is one.
local function send(envelope)
  local id, message = envelope.to, envelope.message
  if envelope.new then
    return 0, begin(envelope)
  end
  local head = load(id)
  if not lives(head, envelope.life) or (message.channel:sub(1, 1) == 't' and has_ended(head)) then
    return 1
  end
  return 0, store_message(id, head, message, message.channel, after(envelope.delay))
end

-- Why an instance does not take a client's message that it does not have yet (STA-06, LIM-03).
local function no_room(head, message)
  local limits, kind = R.limits, message.channel:sub(1, 1)
  if kind == 's' or has_message(head, message.id) then
    return nil
  end
  if kind == 'c' then
    return (head.cc or 0) >= limits.control and 'control_full' or nil
  end
  if has_ended(head) then
    return 'ended'
  end
  if call('ZCARD', base(head) .. message.channel) >= limits.topic then
    return 'topic_full'
  end
  return (head.mc or 0) >= limits.mail and 'mail_full' or nil
end

-- A client's message: it hears of an instance that is there already, or is not (STA-01, STA-02, STA-04,
-- STA-08, IDM-03), and of an inbox that is full.
local function send_from_client(envelope)
  local id, message = envelope.to, envelope.message
  local head = load(id)
  if envelope.new then
    if head and head.gh then
      -- The id is free: its instance is there by mistake.
      remove(id, head)
    elseif head and head.ic ~= message.id then
      if not (envelope.new.replaces and has_ended(head)) or awaits_control(head) then
        return { no = 'exists' }
      end
      remove(id, head)
    end
  else
    if not lives(head, envelope.life) then
      return { no = 'not_found' }
    end
    local refusal = no_room(head, message)
    if refusal then
      return { no = refusal }
    end
  end
  send(envelope)
  return {}
end
