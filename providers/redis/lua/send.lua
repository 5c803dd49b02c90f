-- Messages on their way to an inbox.

local function lives(head, life)
  return head and (not life or head.ic == life)
end

-- Stores a message, or drops it if nobody is there to receive it (MSG-05). Answers how many were
-- dropped.
local function send(envelope)
  local id, message = envelope.to, envelope.message
  local head = load(id)
  if envelope.new then
    -- The start that created it has done its work, however often it comes (STA-03).
    if lives(head, message.id) then
      return 0
    end
    if head then
      -- It must be answered now, whether the instance is suspended or not (STA-03).
      store_message(id, head, message, 'c', now)
    else
      head = create(id, envelope.new, message.id)
      store_message(id, head, message, message.channel, after(envelope.delay))
    end
    return 0
  end
  if not lives(head, envelope.life) or (message.channel:sub(1, 1) == 't' and has_ended(head)) then
    return 1
  end
  store_message(id, head, message, message.channel, after(envelope.delay))
  return 0
end

-- Why an instance does not take a client's message that it does not have yet (STA-06, LIM-03).
local function no_room(head, message)
  local limits, kind = R.limits, message.channel:sub(1, 1)
  if kind == 's' or call('HEXISTS', base(head) .. 'm', message.id) == 1 then
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
    if head and head.ic ~= message.id then
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
