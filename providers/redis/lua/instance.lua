-- The creation and the removal of instances.

-- The key of the instances that have a label.
local function label_key(key, value)
  return K .. 'L:' .. #key .. ':' .. key .. value
end

local function labels_of(head)
  local stored = head.lb and call('GET', base(head) .. 'l')
  return stored and decode(stored) or {}
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
  if #new.labels > 0 then
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

-- How many keys of an instance are removed with it. Of one with more, `maintain` removes the rest, in
-- slices.
local REMOVED_AT_ONCE_MAX = 64

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
  call('UNLINK', keys .. 'm', keys .. 'c', keys .. 's', keys .. 'x', keys .. 'w', keys .. 'v', keys .. 'l', keys .. 'o')
  return false
end

-- Removes an instance (DEL-01). What others find it by goes at once, and what is in its own keys may go
-- later: nobody looks there any more.
local function remove(id, head)
  local keys = base(head)
  if head.ra then
    call('ZREM', K .. 'r:' .. head.q, head.ro .. id)
  end
  for _, key in ipairs(call('ZRANGE', keys .. 'x', 0, -1)) do
    local activity = activity_of(head, key)
    if activity then
      call('ZREM', K .. 'a:' .. activity.q, activity.ro .. head.n .. key)
    end
  end
  for _, label in ipairs(labels_of(head)) do
    call('ZREM', label_key(label[1], label[2]), id)
  end
  if head.pi then
    call('ZREM', K .. 'p:' .. head.pi, id)
  end
  call('ZREM', K .. 'ids', id)
  call('ZREM', K .. 'new', id)
  if head.xp then
    call('ZREM', K .. 'exp', id)
  end
  if remove_keys(keys, REMOVED_AT_ONCE_MAX) then
    call('RPUSH', K .. 'gone', head.n)
  end
  heads[id] = false
  touch(id)
end
