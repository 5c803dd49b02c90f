-- What a relay asks: of a target where it stands, and of a source what it has for a target that stands there.

-- How much one call hands out.
local ENTRIES_AT_ONCE = 512
local BYTES_AT_ONCE = 1024 * 1024

-- How many entries are read at a time: the limit of bytes may end the answer long before.
local ENTRIES_READ_AT_ONCE = 64

local function save_if_noted(log)
  if log.is_changed then
    save_log(log)
  end
end

-- The last links of a log, at most so many, in one text, and the place before them.
local function last_links(log, max)
  local count = math.min(log.last[1] - log.base[1], max)
  local links = {}
  if count > 0 then
    for place, element in ipairs(call('LRANGE', log.list, -count, -1)) do
      links[place] = element:sub(1, LINK_BYTES)
    end
  end
  local first = log.last[1] - count
  return { first = { first, link_at(log, first) }, links = table.concat(links), is_all = first == log.base[1] }
end

-- Where this partition stands with what it takes from another one.
local function ask(asked)
  local log = log_of('in', asked.source)
  note_window(log)
  save_if_noted(log)
  return {
    source = log.part, place = log.last, lost = log.lost, settled = log.settled, base = log.base,
    known = asked.links > 0 and last_links(log, asked.links) or nil,
  }
end

-- The link that a target has at a number, as far as it has told.
local function told_link(known, number)
  local behind = number - known.first[1]
  if behind == 0 then
    return known.first[2]
  end
  return known.links:sub((behind - 1) * LINK_BYTES + 1, behind * LINK_BYTES)
end

-- The last place that both have. A link stands for all before it, so that it is found by halving.
local function common_place(log, asked)
  local known = asked.known
  local function is_common(number)
    return told_link(known, number) == link_at(log, number)
  end
  local low = math.max(log.base[1], known.first[1])
  local high = math.min(log.last[1], asked.place[1])
  if low > high or not is_common(low) then
    return nil
  end
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if is_common(middle) then
      low = middle
    else
      high = middle - 1
    end
  end
  return { low, link_at(log, low) }
end

-- Where the entries for a target begin: where it stands, at the last place that both have, or, if there is
-- none, at the first one that is still known here. Nil if the target has to tell more of its links.
local function start_for(log, asked)
  if holds(log, asked.place) then
    return 'here', asked.place
  end
  local common = asked.known and common_place(log, asked)
  if common then
    return 'back', common
  end
  if asked.known and asked.known.is_all then
    return 'over', log.base
  end
  return nil
end

-- How much may still be handed out.
local entries_left, bytes_left = ENTRIES_AT_ONCE, BYTES_AT_ONCE

-- The entries behind a place: how long each is still to wait, its link, and what is sent. One may be larger than
-- the limit, if it is alone.
local function entries_behind(log, place)
  local entries, index = {}, place[1] - log.base[1]
  while entries_left > 0 do
    local last = index + math.min(entries_left, ENTRIES_READ_AT_ONCE) - 1
    local elements = call('LRANGE', log.list, index, last)
    for _, element in ipairs(elements) do
      local is_first = bytes_left == BYTES_AT_ONCE
      if #element > bytes_left and not is_first then
        entries_left = 0
        return entries
      end
      bytes_left, entries_left = bytes_left - #element, entries_left - 1
      local due = number_of(element:sub(LINK_BYTES + 1, LINK_BYTES + 16))
      entries[#entries + 1] = { math.max(due - now, 0), element:sub(1, LINK_BYTES), element:sub(LINK_BYTES + 17) }
    end
    index = last + 1
    if index >= log.last[1] - log.base[1] then
      break
    end
  end
  return entries
end

-- What there is for a target. What it has settled is forgotten: it asks no more for that.
local function take(asked)
  local log = log_of('out', asked.target)
  note_window(log)
  forget_until(log, asked.settled)
  save_if_noted(log)
  local start, from = start_for(log, asked)
  return {
    target = log.part, start = start or 'unknown', settled = log.settled, from = from,
    entries = from and entries_behind(log, from) or nil,
  }
end

-- The partitions with which there are logs of this kind, and how many elements these have.
local function survey_of(name)
  local parts, count = {}, 0
  for _, part in ipairs(call('HKEYS', K .. name)) do
    -- One that is damaged keeps no other one from being looked at.
    local is_done, log = pcall(log_of, name, tonumber(part))
    if is_done then
      parts[#parts + 1], count = log.part, count + log.last[1] - log.base[1]
    end
  end
  return parts, count
end

-- For which partitions there may be something here, unless somebody has looked a short time ago; and how much there
-- is that the relay keeps.
local function survey(every)
  local targets, sent = survey_of('out')
  local _, taken = survey_of('in')
  local last = call('GET', K .. 'round')
  local is_done = last and now - tonumber(last) < every or false
  if not is_done then
    call('SET', K .. 'round', now)
  end
  return { targets = targets, kept = sent + taken, is_done = is_done }
end

local answer = { seen = {}, batches = {} }
-- Of a log that is damaged nothing is answered, if others are asked for too.
local function answer_each(list, asked, work)
  for _, one in ipairs(asked or {}) do
    local is_done, found = pcall(work, one)
    if is_done then
      list[#list + 1] = found
    elseif #asked == 1 then
      error(reason(found), 0)
    end
  end
end

answer_each(answer.seen, R.ask, ask)
answer_each(answer.batches, R.take, take)
if R.survey then
  answer.survey = survey(R.survey)
end
settle()
return encode(answer)
