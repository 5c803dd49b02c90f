-- Renews and releases leases, each answered in its place (LEA-08).

-- The item whose lease is held, its head, and how it is written.
local function held(lease)
  if lease.key then
    local activity, head = held_activity(lease)
    return activity, activity and function()
      save_activity(head, lease.key, activity)
    end, head
  end
  local head = load(lease.instance)
  if head and is_held(head, lease.token) then
    return head, function()
      touch(lease.instance)
    end, head
  end
  return nil
end

local function keep(lease, item, head, details)
  if lease.key then
    keep_details(head, lease.key, item, details)
  elseif details then
    head.nt = true
    call('SET', base(head) .. 'o', details)
  end
end

-- Extends a lease, and never shortens it (LEA-04, LEA-05).
local function renew(member)
  local item, write, head = held(member.lease)
  if not item then
    return false
  end
  item.un = math.max(item.un, after(R.extend))
  keep(member.lease, item, head, member.details)
  write()
  return true
end

-- Gives a lease back (LEA-06, LEA-07, ATT-03).
local function release(member)
  local item, write, head = held(member.lease)
  if not item then
    return false
  end
  item.tk, item.un = nil, after(member.delay)
  item.at = math.max((item.at or 0) - member.taken_back, 0)
  keep(member.lease, item, head, member.details)
  write()
  return true
end

-- Leaves an item as it was before it was claimed: nobody has received it.
local function restore(member)
  local item, write = held(member.lease)
  if not item then
    return false
  end
  item.tk, item.un, item.at = nil, member.until_ms, item.at - 1
  write()
  return true
end

-- Of an item that is damaged no lease is held.
local function answer_each(members, change)
  local answers = {}
  for place, member in ipairs(members) do
    local is_done, is_held = pcall(function()
      local is_held = change(member)
      save_if_changed(member.lease.instance)
      return is_held
    end)
    if not is_done then
      forget(member.lease.instance)
    end
    answers[place] = is_done and is_held
  end
  return answers
end

local CHANGES = { renew = renew, release = release, restore = restore }
return finish(answer_each(R.members, CHANGES[R.change]), {})
