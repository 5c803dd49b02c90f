-- Removes instances, executions and values, by request and by their time.

-- How many instances, values, executions and keys one call removes.
local INSTANCES_AT_ONCE = 32
local VALUES_AT_ONCE = 128
local EXECUTIONS_AT_ONCE = 256
local KEYS_AT_ONCE = 256

-- How many bytes of values one call reads to see whether they have expired.
local VALUE_BYTES_AT_ONCE = 1024 * 1024

-- Removes an instance. A number is spent, by which a count that is under way learns of it.
local function remove_now(id, head)
  next_number()
  remove(id, head)
end

-- Removes an instance by force whose head cannot be read: its number is that of its place in the order of age. Its
-- parent and its labels are not known, whose lists pass over it.
local function remove_unreadable(id)
  local number = call('ZSCORE', K .. 'new', id)
  if number then
    number = string.format('%016x', number)
    local keys, last = K .. 'n' .. number .. ':', 0
    for _, execution in ipairs(call('HKEYS', keys .. 'e')) do
      last = math.max(last, number_of(execution))
    end
    call('UNLINK', keys .. 'h' .. string.format('%016x', last + 1))
    call('SET', keys .. 'g', '')
    call('RPUSH', K .. 'gone', number)
  end
  for _, list in ipairs({ 'ids', 'new', 'exp' }) do
    call('ZREM', K .. list, id)
  end
  next_number()
  call('DEL', K .. 'i:' .. id)
end

-- Removes an instance at somebody's request (DEL-01, DEL-02, DEL-04, DEL-05).
local function delete(asked)
  local is_read, head = pcall(load, asked.instance)
  if asked.is_forced and (not is_read or (not head and call('ZSCORE', K .. 'new', asked.instance))) then
    remove_unreadable(asked.instance)
    return { count = 1, is_all = true }
  end
  if not is_read then
    error(reason(head), 0)
  end
  if not head then
    return { no = 'not_found' }
  end
  if not asked.is_forced then
    if not has_ended(head) then
      return { no = 'not_ended' }
    end
    if awaits_control(head) then
      return { no = 'awaits_control' }
    end
  end
  remove_now(asked.instance, head)
  return { count = 1, is_all = true }
end

-- Removes the first executions of an instance, so many in a call (DEL-03). A call that goes on names the
-- number of the instance, so that it prunes no other life.
local function prune(asked)
  local head = load(asked.instance)
  if asked.number and not (head and head.n == asked.number) then
    return { count = 0, is_all = true }
  end
  if not head then
    return { no = 'not_found' }
  end
  next_number()
  local keys = base(head)
  local first, current = executions_of(head)
  local first_kept = current + 1 - math.max(asked.keep_last, 1)
  local last = math.min(first_kept, first + EXECUTIONS_AT_ONCE) - 1
  for number = first, last do
    local execution = string.format('%016x', number)
    call('UNLINK', keys .. 'h' .. execution)
    call('HDEL', keys .. 'e', execution)
  end
  return { count = math.max(last + 1 - first, 0), is_all = last + 1 >= first_kept, number = head.n }
end

-- Removes instances whose time has come, the earliest first (EXP-02, EXP-03). One that a control message
-- may have go on leaves the list until a turn has taken that (DEL-05).
local function expire_instances()
  local due = call('ZRANGE', K .. 'exp', '-inf', now, 'BYSCORE', 'LIMIT', 0, INSTANCES_AT_ONCE)
  for _, id in ipairs(due) do
    local is_done = pcall(function()
      local head = load(id)
      local is_over = head and has_ended(head) and head.xp and head.xp <= now
      if is_over and not awaits_control(head) then
        remove_now(id, head)
      else
        call('ZREM', K .. 'exp', id)
      end
    end)
    if not is_done then
      -- One that is damaged must not keep the others from going.
      forget(id)
      call('ZREM', K .. 'exp', id)
    end
  end
end

-- Removes a value if its time has come, and answers how many bytes were read for that.
local function expire_value(values, key)
  local stored = call('HGET', values, key)
  local expires_at = stored and decode(stored).x
  if expires_at and expires_at <= now then
    call('HDEL', values, key)
  end
  return #(stored or '')
end

-- Removes values whose time has come (VAL-04). One that was set anew, for ever or for longer, stays.
local function expire_values()
  local bytes = 0
  for _, place in ipairs(call('ZRANGE', K .. 'vexp', '-inf', now, 'BYSCORE', 'LIMIT', 0, VALUES_AT_ONCE)) do
    local values, key = K .. 'n' .. place:sub(1, 16) .. ':v', place:sub(17)
    -- One that is damaged must not keep the others from going.
    local is_done, size = pcall(expire_value, values, key)
    call('ZREM', K .. 'vexp', place)
    bytes = bytes + (is_done and size or 0)
    if bytes > VALUE_BYTES_AT_ONCE then
      return
    end
  end
end

-- Whether a slice of a removal leaves something. It does not where it has failed: it would fail again.
local function leaves(slice, ...)
  local is_done, is_left = pcall(slice, ...)
  return is_done and is_left
end

-- Removes what an instance has left that was removed before: its activities from their queues, and then its
-- keys. Those of one that is damaged must not keep the others' from going.
local function clear_gone()
  local number = call('LINDEX', K .. 'gone', 0)
  if not number then
    return
  end
  next_number()
  local head = { n = number }
  if not (leaves(take_out_activities, head) or leaves(remove_keys, base(head), KEYS_AT_ONCE)) then
    unlink_all(base(head))
    call('LPOP', K .. 'gone')
  end
end

local function is_due(key)
  local first = first_ms(key)
  return first ~= nil and first <= now
end

-- A slice of everything that may go, and whether something is left.
local function maintain()
  clear_gone()
  expire_instances()
  expire_values()
  local is_left = is_due(K .. 'exp') or is_due(K .. 'vexp') or call('EXISTS', K .. 'gone') == 1
  return { count = 0, is_all = not is_left }
end

local answer
if R.delete then
  answer = delete(R.delete)
elseif R.prune then
  answer = prune(R.prune)
else
  answer = maintain()
end
local failed = settle()
if failed then
  error(failed)
end
return encode(answer)
