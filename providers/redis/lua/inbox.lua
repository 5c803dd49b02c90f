-- Messages of an instance. Each is in one channel: 'c', 's', or 't' and the topic. Beside the head, a channel is a
-- sorted set by due time, and by arrival within it, and what a message says is in a hash, by its id.

local COUNTS = { c = 'cc', s = 'sc', t = 'mc' }

local function count_message(head, channel, by)
  local count = COUNTS[channel:sub(1, 1)]
  head[count] = (head[count] or 0) + by
end

-- The member that stands for a message in its channel. The execution is there for `purge_through`.
local function place_of(number, id, execution)
  return number .. id .. (execution or '')
end

-- Messages of control and of turns lie in the head while they are few and small: a command of its own for each
-- costs the server more. Either all of them do, or none. Each is a list of its channel, due time, number, id, body
-- and execution, of which `head.rs` tells.
local HELD_MAX = 4
local HELD_BYTES_MAX = 512

-- The place of a message among those in the head.
local function held_at(head, message_id)
  for place, held in ipairs(head.mi or NONE) do
    if held[4] == message_id then
      return place
    end
  end
  return nil
end

-- The number of a message, if it is there.
local function number_of_message(head, message_id)
  local place = held_at(head, message_id)
  if place then
    return head.mi[place][3]
  end
  local stored = call('HGET', base(head) .. 'm', message_id)
  return stored and decode(stored).n or nil
end

local function has_message(head, message_id)
  if held_at(head, message_id) then
    return true
  end
  local others = (head.mc or 0) + (head.mi and 0 or (head.cc or 0) + (head.sc or 0))
  return others > 0 and call('HEXISTS', base(head) .. 'm', message_id) == 1
end

-- Those of a channel that are in the head, in their order.
local function held_of(head, channel)
  local found = {}
  for _, held in ipairs(head.mi) do
    if held[1] == channel then
      found[#found + 1] = held
    end
  end
  table.sort(found, function(a, b)
    if a[2] ~= b[2] then
      return a[2] < b[2]
    end
    return number_of(a[3]) < number_of(b[3])
  end)
  return found
end

local function may_hold(head, message, channel)
  if channel:sub(1, 1) == 't' or #message.body > HELD_BYTES_MAX then
    return false
  end
  return head.mi and #head.mi < HELD_MAX or (head.cc or 0) + (head.sc or 0) == 0
end

-- Writes a message beside the head, unless one with its id is there, and answers whether it did.
local function write_message(head, channel, due, number, id, body, execution)
  local keys = base(head)
  local stored = { c = channel, d = due, n = number, x = execution, b = body }
  if call('HSETNX', keys .. 'm', id, encode(stored)) == 0 then
    return false
  end
  call('ZADD', keys .. channel, due, place_of(number, id, execution))
  return true
end

-- Writes beside the head what is in it.
local function spill(head)
  for _, held in ipairs(head.mi) do
    write_message(head, unpack(held, 1, 6))
  end
  head.mi = nil
end

-- Keeps a message, unless one with its id is there (MSG-02), and answers the number that it got.
local function store_message(id, head, message, channel, due)
  local keys, number = base(head), next_number()
  if may_hold(head, message, channel) then
    if has_message(head, message.id) then
      return nil
    end
    head.mi = head.mi or {}
    table.insert(head.mi, { channel, due, number, message.id, message.body, message.execution })
  else
    if head.mi and has_message(head, message.id) then
      return nil
    end
    if head.mi and channel:sub(1, 1) ~= 't' then
      spill(head)
    end
    if not write_message(head, channel, due, number, message.id, message.body, message.execution) then
      return nil
    end
    if channel:sub(1, 1) == 't' then
      call('ZADD', keys .. 'T', 0, channel:sub(2))
    else
      only_ms[keys .. channel] = (head[COUNTS[channel]] or 0) == 0 and due or nil
    end
  end
  count_message(head, channel, 1)
  touch(id)
  return number
end

-- Takes a message out of its channel.
local function take_out(head, channel, place)
  local keys = base(head)
  only_ms[keys .. channel] = nil
  call('ZREM', keys .. channel, place)
  count_message(head, channel, -1)
  if channel:sub(1, 1) == 't' and call('EXISTS', keys .. channel) == 0 then
    call('ZREM', keys .. 'T', channel:sub(2))
  end
end

-- Takes a message out of the head.
local function take_held(head, place)
  local held = table.remove(head.mi, place)
  count_message(head, held[1], -1)
  if #head.mi == 0 then
    head.mi = nil
  end
end

local function remove_message(head, message_id)
  local place = held_at(head, message_id)
  if place then
    take_held(head, place)
    return
  end
  local keys = base(head)
  local stored = call('HGET', keys .. 'm', message_id)
  if stored then
    stored = decode(stored)
    call('HDEL', keys .. 'm', message_id)
    take_out(head, stored.c, place_of(stored.n, message_id, stored.x))
  end
end

-- Removes what is addressed to this execution or an earlier one (COM-03). Mail is addressed to none.
local function purge_through(head, execution)
  local last = number_of(execution)
  for place = #(head.mi or NONE), 1, -1 do
    local to = head.mi[place][6]
    if to and number_of(to) <= last then
      take_held(head, place)
    end
  end
  if head.mi then
    return
  end
  local keys = base(head)
  for _, channel in ipairs({ 'c', 's' }) do
    if (head[COUNTS[channel]] or 0) > 0 then
      for _, place in ipairs(call('ZRANGE', keys .. channel, 0, -1)) do
        local to = place:sub(33)
        if to ~= '' and number_of(to) <= last then
          call('HDEL', keys .. 'm', place:sub(17, 32))
          take_out(head, channel, place)
        end
      end
    end
  end
end

-- Whether a control message is due, which may have an ended instance go on (DEL-05).
local function awaits_control(head)
  return (head.cc or 0) > 0 and channel_ms(head, 'c') <= now
end
