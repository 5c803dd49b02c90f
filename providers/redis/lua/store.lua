-- What every script begins with: the request, the time, the keys, and the instances at hand.
--
-- A script reads and checks first and writes afterwards, by commands that cannot fail: there is no
-- rollback. Instances that it changes are kept in `heads` and written once, by `settle`.

local K = KEYS[1]
local call, encode, decode = redis.call, cmsgpack.pack, cmsgpack.unpack
local R = decode(ARGV[1])

-- What a request leaves out that it has none of.
local NONE = {}

-- Numbers that are compared as text have sixteen hexadecimal digits.
local FIRST = '0000000000000001'

-- The version of the form in which everything is stored. Whoever changes that writes another one here, so that
-- processes of the version before leave the store alone.
local FORMAT = 1

local now, is_within
-- The last number that was given; by how much the store's time ran ahead of the server's clock when that was found to
-- be behind, and when by that clock.
local seq, ahead, ahead_at = 0, 0, 0
-- Whether a number was given, and whether the clock has just been found to be behind.
local has_counted, is_behind = false, false
do
  now, is_within = server_time()
  local clock = call('GET', K .. 'clock')
  if clock then
    clock = decode(clock)
    if clock[3] ~= FORMAT then
      return redis.error_reply('FORMAT ' .. tostring(clock[3]) .. ' of the store is not ' .. FORMAT)
    end
    -- Whoever counts the partitions otherwise looks for instances where they are not.
    if clock[5] ~= PARTITIONS then
      return redis.error_reply('PARTITIONS ' .. tostring(clock[5]) .. ' of the store are not ' .. PARTITIONS)
    end
    seq, ahead, ahead_at = clock[2], clock[4], clock[6]
    local lead = math.max(ahead - math.max(now - ahead_at, 0) / 10, 0)
    local server_ms = now
    now = math.floor(server_ms + lead)
    if now < clock[1] then
      -- The server's clock was set back, or another server's is behind. Time neither goes back, since what was
      -- due must not become early, nor stands still, since leases have to end: it runs ahead of that clock, and
      -- a tenth slower, until that has caught up.
      ahead, ahead_at, is_behind = clock[1] - server_ms, server_ms, true
      now = clock[1]
    end
  end
end

-- The time that is so many milliseconds away, never sooner than that.
local function after(delay)
  if delay == 0 then
    return now
  end
  return now + delay + (is_within and 1 or 0)
end

-- The number that sixteen digits are. Texts are not compared: their order is that of the server's locale.
local function number_of(digits)
  return tonumber(digits, 16)
end

-- A number that was never given before.
local function next_number()
  seq = seq + 1
  has_counted = true
  return string.format('%016x', seq)
end

-- The beginning of the keys of an instance. They have its number and not its id, so that another life
-- of the id finds nothing of this one.
local bases = {}
local function base(head)
  local keys = bases[head.n]
  if not keys then
    keys = K .. 'n' .. head.n .. ':'
    bases[head.n] = keys
  end
  return keys
end

local heads, changed, is_changed = {}, {}, {}

-- The head that is stored so. One that is not whole is found out before anything is written because of it.
local function head_of(stored)
  local head = decode(stored)
  local is_whole = type(head) == 'table' and head.st and head.ex and head.ev and head.un
  if not is_whole or type(head.n) ~= 'string' or type(head.ic) ~= 'string' or type(head.q) ~= 'string' then
    error('its head is not one')
  end
  return head
end

-- The head of an instance, or nil. Its fields are told in `head.rs`.
local function load(id)
  local head = heads[id]
  if head == nil then
    local stored = call('GET', K .. 'i:' .. id)
    head = stored and head_of(stored) or false
    heads[id] = head
  end
  return head or nil
end

-- Notes that an instance has to be written.
local function touch(id)
  if not is_changed[id] then
    is_changed[id] = true
    changed[#changed + 1] = id
  end
end

local function has_ended(head)
  return head.st == 'C' or head.st == 'F'
end

-- The output of the current execution that is not in the head.
local function long_output_of(head)
  return head.ou and call('GET', base(head) .. 'u') or nil
end

-- Whether somebody holds a lease, of an instance or of an activity.
local function is_leased(item)
  return item.tk ~= nil and item.un > now
end

local function is_held(item, token)
  return item.tk == token and item.un > now
end

-- When the only message of a channel is due that this script has brought, by the channel's key.
local only_ms = {}

-- The score of the first member.
local function first_ms(key)
  return only_ms[key] or tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

local function earlier(a, b)
  if not a or (b and b < a) then
    return b
  end
  return a
end

-- The score of the first member of a channel, or now where it has none although it must: who claims the instance
-- finds out what is wrong with it, and an instance is written whatever is.
local function channel_score(key)
  local is_done, at = pcall(first_ms, key)
  return is_done and at or now
end

-- When the first message of control or of a turn is due, of which there are some.
local function channel_ms(head, channel)
  if not head.mi then
    return channel_score(base(head) .. channel)
  end
  local first
  for _, held in ipairs(head.mi) do
    if held[1] == channel then
      first = earlier(first, held[2])
    end
  end
  return first
end

-- When the first mail is due that the instance awaits.
local function mail_ms(head)
  local first
  if (head.mc or 0) > 0 then
    for _, topic in ipairs(head.aw or {}) do
      local is_done, at = pcall(first_ms, base(head) .. 't' .. topic)
      first = earlier(first, is_done and at or nil)
    end
  end
  return first
end

-- From when on a claim returns an instance (CLM-01, SUS-01). A control message does not wait for the end
-- of a release's delay, but for that of a lease.
local function claimable_from(head)
  if head.is_due then
    -- It was just leased for messages that are due.
    return head.un
  end
  local control, work
  if (head.cc or 0) > 0 then
    control = math.max(channel_ms(head, 'c'), head.tk and head.un or 0)
  end
  if not head.su then
    if (head.sc or 0) > 0 then
      work = channel_ms(head, 's')
    end
    work = earlier(work, mail_ms(head))
    work = work and math.max(work, head.un)
  end
  return earlier(control, work)
end

-- What became claimable, by queue: the earliest time.
local raised = { turns = {}, activities = {} }

local function raise(kind, queue, at)
  raised[kind][queue] = earlier(raised[kind][queue], at)
end

local known_queues = {}

-- Notes that there is such a queue.
local function note_queue(kind, queue)
  local key = K .. kind
  if not known_queues[key .. queue] then
    known_queues[key .. queue] = true
    call('SADD', key, queue)
  end
end

-- Moves an item to this time in its queue, or out of it, and answers the number in its place. Among items of
-- one time the first that came is the first; who is put off keeps its number, which saves a command.
local function move(queue, at, number, item)
  if number and not (at and at > now) then
    call('ZREM', queue, number .. item)
    number = nil
  end
  if at then
    -- A new number also tells which of two answers is the later one.
    local new = next_number()
    number = number or new
    call('ZADD', queue, at, number .. item)
  end
  return number
end

-- Moves an instance to where it belongs among the ready ones. Where the time stays, the place stays: a
-- sender must not move its receiver back (CLM-06).
local function requeue(id, head)
  local at = claimable_from(head)
  if at == head.ra then
    return
  end
  head.ro = move(K .. 'r:' .. head.q, at, head.ro, id)
  head.ra = at
  if at then
    raise('turns', head.q, at)
  end
end

-- Writes an instance that was changed, and answers what was written.
local function save(id, head)
  requeue(id, head)
  head.is_due = nil
  local stored = encode(head)
  call('SET', K .. 'i:' .. id, stored)
  is_changed[id] = nil
  return stored
end

-- Writes an instance, or that it is gone, if it was changed.
local function save_if_changed(id)
  if not is_changed[id] then
    return
  end
  if heads[id] then
    save(id, heads[id])
  else
    call('DEL', K .. 'i:' .. id)
    is_changed[id] = nil
  end
end

-- Leaves an instance as it is stored: what was to be done with it has failed.
local function forget(id)
  heads[id], is_changed[id] = nil, nil
end

-- What has failed, as text: commands fail with a table.
local function reason(failure)
  return type(failure) == 'table' and failure.err or tostring(failure)
end

-- Writes what was changed, and answers why one of them could not be, which keeps no other one from it.
local function settle()
  local failed
  for _, id in ipairs(changed) do
    local is_done, why = pcall(save_if_changed, id)
    failed = failed or (not is_done and why or nil)
  end
  -- By a new number, whoever counts what there is learns that something has changed meanwhile.
  if #changed > 0 and not has_counted then
    next_number()
  end
  if has_counted or is_behind or R.writes then
    call('SET', K .. 'clock', encode({ now, seq, FORMAT, ahead, PARTITIONS, ahead_at }))
  end
  return failed and reason(failed)
end

-- When the next item of each queue is due, -1 for never.
local function dues_of(prefix, queues)
  local dues = {}
  for place, queue in ipairs(queues) do
    dues[place] = { queue, first_ms(prefix .. queue) or -1 }
  end
  return dues
end

-- A table by queue as a list of pairs: an empty table has no kind of its own on the way.
local function pairs_of(by_queue)
  local list = {}
  for queue, at in pairs(by_queue) do
    list[#list + 1] = { queue, at }
  end
  return list
end
