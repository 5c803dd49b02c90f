-- Values of an instance: a hash from keys to what they are, with the commit that set them.

local function value_of(keys, key)
  local stored = call('HGET', keys .. 'v', key)
  return stored and decode(stored)
end

-- Why an instance may not keep what a turn leaves of its values, if it sets one that does not expire
-- (VAL-05).
local function too_many_values(head, updates)
  local count, bytes = head and head.vc or 0, head and head.vb or 0
  local has_new = false
  for _, update in ipairs(updates) do
    local old = head and value_of(base(head), update.key)
    if old and not old.x then
      count, bytes = count - 1, bytes - #old.b
    end
    if update.value and not update.expires then
      has_new = true
      count, bytes = count + 1, bytes + #update.value
    end
  end
  if not has_new then
    return nil
  end
  if count > R.limits.values then
    return 'values_max'
  end
  return bytes > R.limits.values_bytes and 'values_bytes_max' or nil
end

-- Sets and removes the values that a commit names (VAL-01). Those that do not expire are counted.
local function write_values(head, version, updates)
  local keys = base(head)
  for _, update in ipairs(updates) do
    local old = value_of(keys, update.key)
    if old and not old.x then
      head.vc, head.vb = math.max((head.vc or 0) - 1, 0), math.max((head.vb or 0) - #old.b, 0)
    end
    if update.value then
      local expires_at = update.expires and after(update.expires)
      if expires_at then
        call('ZADD', K .. 'vexp', expires_at, head.n .. update.key)
      else
        head.vc, head.vb = (head.vc or 0) + 1, (head.vb or 0) + #update.value
      end
      call('HSET', keys .. 'v', update.key, encode({ b = update.value, c = version, x = expires_at or nil }))
    elseif old then
      call('HDEL', keys .. 'v', update.key)
    end
  end
end
