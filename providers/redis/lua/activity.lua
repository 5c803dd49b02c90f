-- Activities of an instance: a hash of their states, bodies and details, a sorted set of their keys for
-- ranges, and a member in the sorted set of their queue. A key is the execution and the id, 32 digits.

local function activity_of(head, key)
  local stored = call('HGET', base(head) .. 'w', key)
  return stored and decode(stored)
end

-- Whether instances were removed of which something is left, and of which of them activities are in queues, by
-- number.
local has_removed
local removed = {}

-- Whether an item of a queue of activities is of an instance that was removed.
local function is_of_removed(member)
  if has_removed == nil then
    has_removed = call('EXISTS', K .. 'gone') == 1
  end
  if not has_removed then
    return false
  end
  local number = member:sub(17, 32)
  if removed[number] == nil then
    removed[number] = call('EXISTS', K .. 'n' .. number .. ':g') == 1
  end
  return removed[number]
end

-- An activity whose lease is held, with the head of its instance.
local function held_activity(lease)
  local head = load(lease.instance)
  if not head or head.ic ~= lease.life then
    return nil
  end
  local activity = activity_of(head, lease.key)
  if activity and is_held(activity, lease.token) then
    return activity, head
  end
  return nil
end

-- Puts an activity into its queue, or elsewhere in it after a change of its lease, and writes it with what
-- else belongs to it.
local function save_activity(head, key, activity, ...)
  activity.ro = move(K .. 'a:' .. activity.q, activity.un, activity.ro, head.n .. key)
  call('HSET', base(head) .. 'w', key, encode(activity), ...)
  raise('activities', activity.q, activity.un)
end

local function create_activity(id, head, new)
  local keys = base(head)
  note_queue('aq', new.queue)
  local activity = { q = new.queue, i = id, ic = head.ic, bl = #new.body, un = now, at = 0 }
  if new.token then
    activity.tk, activity.un, activity.at = new.token, after(new.lease), 1
  end
  call('ZADD', keys .. 'x', 0, new.key)
  save_activity(head, new.key, activity, 'b' .. new.key, new.body)
  head.ac = (head.ac or 0) + 1
end

local function remove_activity(head, key, activity)
  local keys = base(head)
  head.ac = head.ac - 1
  touch(activity.i)
  call('HDEL', keys .. 'w', key, 'b' .. key, 'd' .. key)
  call('ZREM', keys .. 'x', key)
  move(K .. 'a:' .. activity.q, nil, activity.ro, head.n .. key)
end

-- Keeps the details that a renewal or a release brings (DET-01).
local function keep_details(head, key, activity, details)
  if details then
    activity.dl = #details
    call('HSET', base(head) .. 'w', 'd' .. key, details)
  end
end
