-- Lists of instances.

-- How many instances one call looks at.
local INSTANCES_AT_ONCE = 128

local function includes(list, item)
  for _, other in ipairs(list) do
    if other == item then
      return true
    end
  end
  return false
end

local function has_labels(head, wanted)
  if #wanted == 0 then
    return true
  end
  local found = {}
  for _, label in ipairs(labels_of(head)) do
    found[label[1]] = label[2]
  end
  for _, label in ipairs(wanted) do
    if found[label[1]] ~= label[2] then
      return false
    end
  end
  return true
end

-- Whether an instance meets the conditions (ADM-04).
local function meets(id, head, filter)
  return (#filter.statuses == 0 or includes(filter.statuses, head.st))
    and (filter.suspended == nil or filter.suspended == (head.su or false))
    and (not filter.orchestration or filter.orchestration == head.o)
    and (not filter.queue or filter.queue == head.q)
    and (not filter.parent or filter.parent == head.pi)
    and id:sub(1, #filter.prefix) == filter.prefix
    and has_labels(head, filter.labels)
end

-- The narrowest index that is ordered by ids: that of a parent, of a label, or of all.
local function index_of(filter)
  if filter.parent then
    return K .. 'p:' .. filter.parent
  end
  if #filter.labels > 0 then
    return label_key(filter.labels[1][1], filter.labels[1][2])
  end
  return K .. 'ids'
end

-- All instances of a short index before a number, the newest first, each with its number.
local function newest_of(index, before)
  local found = {}
  for _, id in ipairs(call('ZRANGE', index, 0, -1)) do
    local head = find_whole(id)
    local number = head and number_of(head.n)
    if number and number < before then
      found[#found + 1] = { id, number }
    end
  end
  table.sort(found, function(a, b)
    return a[2] > b[2]
  end)
  local list = {}
  for _, pair in ipairs(found) do
    list[#list + 1] = pair[1]
    list[#list + 1] = string.format('%.0f', pair[2])
  end
  return list
end

-- The ids to look at, in their order, with one more than may be, and each with its number where that is
-- the order. The order of age has an index of all only: a parent or a label with few is sorted instead.
local function candidates(asked, max)
  local index = index_of(asked.filter)
  if not asked.is_newest_first then
    return call('ZRANGE', index, asked.from, asked.to, 'BYLEX', 'LIMIT', 0, max + 1), 1
  end
  if call('ZCARD', index) <= INSTANCES_AT_ONCE then
    return newest_of(index, tonumber(asked.before) or math.huge), 2
  end
  local before = asked.before and '(' .. asked.before or '+inf'
  return call('ZRANGE', K .. 'new', before, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, max + 1, 'WITHSCORES'), 2
end

-- Whether an instance meets the conditions. One of which that cannot be told is passed over.
local function is_wanted(id, head, filter)
  local is_done, answer = pcall(meets, id, head, filter)
  if not is_done then
    damaged[#damaged + 1] = { id, reason(answer) }
  end
  return is_done and answer
end

-- Looks at so many instances at most, and shows those that meet a filter, so many at most (ADM-01, ADM-04
-- to ADM-06). The answer names the last one that was looked at, and says whether there are others.
local function list_instances(asked)
  local max = math.min(asked.rows, INSTANCES_AT_ONCE)
  local found, step = candidates(asked, max)
  local list = { rows = {}, looked_at = 0, more = false, damaged = damaged }
  local has_room = room_for(max)
  for i = 1, #found, step do
    list.more = list.looked_at == max or #list.rows == asked.wanted
    if list.more then
      break
    end
    local id = found[i]
    local head, stored = find_whole(id)
    local row
    if head and is_wanted(id, head, asked.filter) then
      row = {
        i = id, h = stored, l = head.lb and call('GET', base(head) .. 'l') or nil,
        o = asked.with_outputs and long_output_of(head) or nil,
      }
      list.more = not has_room(#stored + #(row.o or ''))
      if list.more then
        break
      end
    end
    list.rows[#list.rows + 1] = row
    list.looked_at = list.looked_at + 1
    list.last = step == 1 and id or found[i + 1]
  end
  return list
end
