-- The creation and the removal of instances.

-- The key of the instances that have a label.
local function label_key(key, value)
  return K .. 'L:' .. #key .. ':' .. key .. value
end

local function labels_of(head)
  local stored = head.lb and call('GET', base(head) .. 'l')
  return stored and decode(stored) or {}
end

-- Takes an instance out of the lists of its labels, as far as they can be read.
local function leave_labels(id, head)
  for _, label in ipairs(labels_of(head)) do
    call('ZREM', label_key(label[1], label[2]), id)
  end
end

-- Creates an instance (STA-01). Labels lie beside the head, which every claim reads.
local function create(id, new, life)
  local number = next_number()
  local head = {
    n = number, ic = life, q = new.queue, pi = new.parent, pc = new.parent_life,
    o = new.orchestration, st = 'P', ex = FIRST, ev = FIRST, cs = new.core_state,
    cr = now, up = now, un = now,
  }
  note_queue('tq', new.queue)
  call('ZADD', K .. 'ids', 0, id)
  call('ZADD', K .. 'new', seq, id)
  if new.parent then
    call('ZADD', K .. 'p:' .. new.parent, 0, id)
  end
  if new.labels then
    head.lb = true
    call('SET', base(head) .. 'l', encode(new.labels))
    for _, label in ipairs(new.labels) do
      call('ZADD', label_key(label[1], label[2]), 0, id)
    end
  end
  heads[id] = head
  touch(id)
  return head
end

-- Up to how many bytes the output of an execution lies in the head, where whoever waits for it finds it.
local OUTPUT_IN_HEAD_MAX = 1024

-- Notes what the current execution has put out, or that it has put out nothing.
local function keep_output(head, output)
  if head.ou then
    call('UNLINK', base(head) .. 'u')
  end
  local is_long = output and #output > OUTPUT_IN_HEAD_MAX
  head.op, head.ou = not is_long and output or nil, is_long or nil
  if is_long then
    call('SET', base(head) .. 'u', output)
  end
end

local function output_of(head)
  return head.op or long_output_of(head)
end

-- The numbers of the executions that there are, which follow one another: pruning takes the first ones. Those
-- that another one follows have a record, and of the last one the head tells.
local function executions_of(head)
  local last = number_of(head.ex)
  return last + 1 - call('HLEN', base(head) .. 'e') - (head.es and 1 or 0), last
end

-- How many keys of an instance are removed with it. Of one with more, `maintain` removes the rest, in
-- slices.
local REMOVED_AT_ONCE_MAX = 64

-- Removes the keys of an instance whose names do not depend on what it has.
local function unlink_all(keys)
  call('UNLINK', keys .. 'e', keys .. 'T', keys .. 'm', keys .. 'c', keys .. 's', keys .. 'x', keys .. 'w', keys .. 'v', keys .. 'l', keys .. 'o', keys .. 'u', keys .. 'g')
end

-- Removes the keys of an instance, all that there are or as many as may be, and answers whether some
-- are left.
local function remove_keys(keys, max)
  -- Some of them, whichever: to list all would take long where there are many.
  local gone = call('HRANDFIELD', keys .. 'e', max)
  for _, execution in ipairs(gone) do
    call('UNLINK', keys .. 'h' .. execution)
    call('HDEL', keys .. 'e', execution)
  end
  local topics = call('ZRANGE', keys .. 'T', 0, max - 1)
  for _, topic in ipairs(topics) do
    call('UNLINK', keys .. 't' .. topic)
    call('ZREM', keys .. 'T', topic)
  end
  if call('EXISTS', keys .. 'e', keys .. 'T') > 0 then
    return true
  end
  unlink_all(keys)
  return false
end

-- How many activities one call takes out of their queues, of all instances that it removes.
local TAKEN_OUT_AT_ONCE_MAX = 256
local may_take_out = TAKEN_OUT_AT_ONCE_MAX

-- Takes activities of an instance out of their queues, all that there are or as many as may be, and answers
-- whether some are left.
local function take_out_activities(head)
  local keys = base(head)
  if may_take_out == 0 then
    return call('EXISTS', keys .. 'x') == 1
  end
  local found = call('ZRANGE', keys .. 'x', 0, may_take_out - 1)
  if #found == 0 then
    return false
  end
  may_take_out = may_take_out - #found
  local members = {}
  for place, stored in ipairs(call('HMGET', keys .. 'w', unpack(found))) do
    if stored then
      local activity = decode(stored)
      local queue = K .. 'a:' .. activity.q
      members[queue] = members[queue] or {}
      table.insert(members[queue], activity.ro .. head.n .. found[place])
    end
  end
  for queue, list in pairs(members) do
    call('ZREM', queue, unpack(list))
  end
  call('ZREM', keys .. 'x', unpack(found))
  return call('EXISTS', keys .. 'x') == 1
end

-- Removes an instance (DEL-01). What others find it by goes at once, and what is in its own keys may go
-- later: nobody looks there any more. Of activities that stay in queues until then a mark says that they are
-- nobody's.
local function remove(id, head)
  local keys = base(head)
  move(K .. 'r:' .. head.q, nil, head.ra and head.ro, id)
  -- One that is damaged has to go like any other.
  local is_done, is_left = pcall(take_out_activities, head)
  local has_activities = is_left or not is_done
  if has_activities then
    call('SET', keys .. 'g', '')
  end
  pcall(leave_labels, id, head)
  if head.pi then
    call('ZREM', K .. 'p:' .. head.pi, id)
  end
  call('ZREM', K .. 'ids', id)
  call('ZREM', K .. 'new', id)
  call('UNLINK', keys .. 'h' .. head.ex)
  if head.xp then
    call('ZREM', K .. 'exp', id)
  end
  if has_activities or remove_keys(keys, REMOVED_AT_ONCE_MAX) then
    call('RPUSH', K .. 'gone', head.n)
  end
  heads[id] = false
  touch(id)
end
