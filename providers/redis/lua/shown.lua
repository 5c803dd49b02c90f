-- What reads and looks show of an instance, and where in an order a page of them goes on.

-- The head of an instance, and the bytes that it is stored as.
local function find(id)
  local stored = call('GET', K .. 'i:' .. id)
  if stored then
    return head_of(stored), stored
  end
  return nil
end

-- What lists and counts pass over, since it is damaged: its id, and why.
local damaged = {}

-- The head of an instance that a list names, and the bytes that it is stored as, or nil where it is damaged.
local function find_whole(id)
  local is_done, head, stored = pcall(find, id)
  if is_done and not head and not call('ZSCORE', K .. 'ids', id) then
    -- It was deleted by force, and lists by what could not be read of it name it still.
    return nil
  end
  if not is_done or not head then
    damaged[#damaged + 1] = { id, is_done and 'it has no head' or reason(head) }
    return nil
  end
  return head, stored
end

local function shown_note(head)
  return head.nt and call('GET', base(head) .. 'o') or nil
end

-- How many bytes one call reads, but for what comes first: a page of more takes several calls, and the
-- server does others' work between them.
local BYTES_AT_ONCE = 512 * 1024

-- How much a call may still read. Whoever asks whether there is room for an item takes it.
local function room_for(items)
  local bytes, has_some = BYTES_AT_ONCE, false
  return function(size)
    if items <= 0 or (has_some and size > bytes) then
      return false
    end
    items, bytes, has_some = items - 1, bytes - size, true
    return true
  end
end

-- The rank of the first member behind a place: behind this time, or as late and with a greater number in
-- front. The time is text, since a number that becomes text within Lua is rounded.
local function rank_behind(key, at, number)
  local low = call('ZCOUNT', key, '-inf', '(' .. at)
  local high = low + call('ZCOUNT', key, at, at)
  number = number_of(number)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = call('ZRANGE', key, middle, middle)[1]
    if number_of(member:sub(1, 16)) <= number then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end
