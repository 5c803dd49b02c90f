-- Looking at what one instance has, or one queue of activities. How much of it a page holds is decided
-- by whoever asks, who calls again while there is room.

-- How many messages or activities one call shows.
local ITEMS_AT_ONCE = 128

-- What an item without its body takes of what a call may read.
local BYTES_OF_ITEM = 256

-- Shows the messages of a channel from this rank on, and answers whether all of them were.
local function show_messages(head, channel, from, with_bodies, has_room, messages)
  local keys = base(head)
  local found = call('ZRANGE', keys .. channel, from, from + ITEMS_AT_ONCE, 'WITHSCORES')
  for i = 1, #found, 2 do
    local member = found[i]
    local id = member:sub(17, 32)
    if not has_room(call('HSTRLEN', keys .. 'm', id)) then
      return false
    end
    local stored = decode(call('HGET', keys .. 'm', id))
    messages[#messages + 1] = {
      i = id, c = channel, d = tonumber(found[i + 1]), n = stored.n, x = stored.x,
      l = #stored.b, b = with_bodies and stored.b or nil,
    }
  end
  return true
end

-- Shows those messages of a channel that are in the head, behind a place, and answers whether all of them were.
local function show_held(head, channel, place, with_bodies, has_room, messages)
  for _, held in ipairs(held_of(head, channel)) do
    local due, number = held[2], held[3]
    local at = place and tonumber(place[2])
    local is_behind = not place or due > at or (due == at and number_of(number) > number_of(place[3]))
    if is_behind then
      if not has_room(BYTES_OF_ITEM + #held[5]) then
        return false
      end
      messages[#messages + 1] = {
        i = held[4], c = channel, d = due, n = number, x = held[6], l = #held[5], b = with_bodies and held[5] or nil,
      }
    end
  end
  return true
end

-- The channels from this one on. Each topic among the others has a message, so that no more of them are
-- needed than a call shows.
local function channels_from(head, channel)
  local channels = {}
  local topic = '-'
  if channel:sub(1, 1) == 't' then
    topic = '[' .. channel:sub(2)
  elseif channel == 's' then
    channels = { 's' }
  else
    channels = { 'c', 's' }
  end
  local topics = call('ZRANGE', base(head) .. 'T', topic, '+', 'BYLEX', 'LIMIT', 0, ITEMS_AT_ONCE + 2)
  for _, name in ipairs(topics) do
    channels[#channels + 1] = 't' .. name
  end
  return channels
end

local function show_activity(keys, key, activity, with_bodies)
  local stored = with_bodies and call('HMGET', keys .. 'w', 'b' .. key, 'd' .. key) or {}
  return {
    i = activity.i, ic = activity.ic, k = key, q = activity.q, at = activity.at, un = activity.un,
    le = is_leased(activity), n = activity.ro, l = activity.bl, b = stored[1] or nil,
    dl = activity.dl, d = stored[2] or nil,
  }
end

local function size_of(activity, with_bodies)
  return BYTES_OF_ITEM + (with_bodies and activity.bl + (activity.dl or 0) or 0)
end

-- Shows the activities of an instance behind this key, and answers whether all of them were.
local function show_activities(head, after, with_bodies, has_room, activities)
  local keys = base(head)
  local from = after and '(' .. after or '-'
  local found = call('ZRANGE', keys .. 'x', from, '+', 'BYLEX', 'LIMIT', 0, ITEMS_AT_ONCE + 1)
  for _, key in ipairs(found) do
    local activity = activity_of(head, key)
    if not has_room(size_of(activity, with_bodies)) then
      return false
    end
    activities[#activities + 1] = show_activity(keys, key, activity, with_bodies)
  end
  return true
end

-- An instance, and what it has behind a place (ADM-07, ADM-08). A call that goes on with a page names
-- the number of the instance, so that it shows nothing of another life.
local function inspect(asked)
  local head, stored = find(asked.instance)
  if not head or (asked.number and head.n ~= asked.number) then
    return { is_there = false }
  end
  local seen = { is_there = true, now = now, head = stored, messages = {}, activities = {} }
  if not asked.number then
    seen.labels = head.lb and call('GET', base(head) .. 'l') or nil
    seen.output = asked.with_bodies and long_output_of(head) or nil
    seen.note = shown_note(head)
  end
  local has_room, is_all = room_for(math.min(asked.items, ITEMS_AT_ONCE)), true
  if not asked.activity then
    local place = asked.message
    for _, channel in ipairs(channels_from(head, place and place[1] or 'c')) do
      local behind = place and channel == place[1] and place or nil
      if head.mi and channel:sub(1, 1) ~= 't' then
        is_all = is_all and show_held(head, channel, behind, asked.with_bodies, has_room, seen.messages)
      else
        local from = behind and rank_behind(base(head) .. channel, behind[2], behind[3]) or 0
        is_all = is_all and show_messages(head, channel, from, asked.with_bodies, has_room, seen.messages)
      end
    end
  end
  seen.is_all = is_all and show_activities(head, asked.activity, asked.with_bodies, has_room, seen.activities)
  return seen
end

-- The activities of a queue behind a place (ADM-09), and behind what the next call goes on, if there may be more.
-- Those of instances that were removed are passed over.
local function list_activities(asked)
  local queue, activities = K .. 'a:' .. asked.queue, {}
  local from = asked.after and rank_behind(queue, asked.after[1], asked.after[2]) or 0
  local has_room = room_for(math.min(asked.items, ITEMS_AT_ONCE))
  local found, last = call('ZRANGE', queue, from, from + ITEMS_AT_ONCE, 'WITHSCORES'), nil
  for i = 1, #found, 2 do
    local member = found[i]
    if not is_of_removed(member) then
      local head, key = { n = member:sub(17, 32) }, member:sub(33)
      local activity = activity_of(head, key)
      if not has_room(size_of(activity, asked.with_bodies)) then
        return { activities = activities, last = last }
      end
      activities[#activities + 1] = show_activity(base(head), key, activity, asked.with_bodies)
    end
    last = { tonumber(found[i + 1]), member:sub(1, 16) }
  end
  -- Where some were passed over there may be room for more than was looked at.
  local is_all = #found <= 2 * ITEMS_AT_ONCE
  return { activities = activities, last = not is_all and last or nil }
end

-- How many executions one call shows.
local EXECUTIONS_AT_ONCE = 256

-- The record of the current execution.
local function current_record(head)
  return { s = has_ended(head) and head.st or 'R', b = head.es, e = head.ee, o = output_of(head), n = head.ev }
end

-- The executions of an instance from one on (ADM-02); of another life, or where there is none, that is
-- said.
local function list_executions(asked)
  local head = find(asked.instance)
  if not head or (asked.number and head.n ~= asked.number) then
    return { is_there = false, executions = {} }
  end
  local first, last = executions_of(head)
  local executions, has_room = {}, room_for(EXECUTIONS_AT_ONCE)
  for execution = math.max(first, asked.from), last do
    local key = string.format('%016x', execution)
    local is_current = execution == last and head.es
    local size = is_current and #(output_of(head) or '') or call('HSTRLEN', base(head) .. 'e', key)
    if not has_room(size) then
      return { is_there = true, number = head.n, executions = executions, next = execution }
    end
    local record = is_current and current_record(head) or decode(call('HGET', base(head) .. 'e', key))
    executions[#executions + 1] = {
      x = execution, s = record.s, o = record.o, b = record.b, e = record.e, n = record.n,
    }
  end
  return { is_there = true, number = head.n, executions = executions }
end
