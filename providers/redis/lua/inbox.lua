-- Messages of an instance. Each lies in one channel: 'c', 's', or 't' and the topic, which is a sorted set
-- by due time, and by arrival within it. What it says is in a hash, by its id.

local COUNTS = { c = 'cc', s = 'sc', t = 'mc' }

local function count_message(head, channel, by)
  local count = COUNTS[channel:sub(1, 1)]
  head[count] = (head[count] or 0) + by
end

-- The member that stands for a message in its channel. The execution is there for `purge_through`.
local function place_of(number, id, execution)
  return number .. id .. (execution or '')
end

-- Keeps a message, unless one with its id is there (MSG-02), and answers the number that it got.
local function store_message(id, head, message, channel, due)
  local keys = base(head)
  local number = next_number()
  local stored = { c = channel, d = due, n = number, x = message.execution, b = message.body }
  if call('HSETNX', keys .. 'm', message.id, encode(stored)) == 0 then
    return nil
  end
  call('ZADD', keys .. channel, due, place_of(number, message.id, message.execution))
  if channel:sub(1, 1) == 't' then
    call('ZADD', keys .. 'T', 0, channel:sub(2))
  else
    only_ms[keys .. channel] = (head[COUNTS[channel]] or 0) == 0 and due or nil
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

local function remove_message(head, message_id)
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
  local keys = base(head)
  for _, channel in ipairs({ 'c', 's' }) do
    if (head[COUNTS[channel]] or 0) > 0 then
      for _, place in ipairs(call('ZRANGE', keys .. channel, 0, -1)) do
        local to = place:sub(33)
        if to ~= '' and number_of(to) <= number_of(execution) then
          call('HDEL', keys .. 'm', place:sub(17, 32))
          take_out(head, channel, place)
        end
      end
    end
  end
end

-- Whether a control message is due, which may have an ended instance go on (DEL-05).
local function awaits_control(head)
  return (head.cc or 0) > 0 and first_ms(base(head) .. 'c') <= now
end
