-- Reading mail.

-- How many places of a topic are looked up at a time.
local PLACES_AT_ONCE = 64

-- How many messages a page has at most, of all topics.
local MESSAGES_AT_ONCE = 512

-- The next place of a topic that is due and may be read, or nil.
local function peek(topic)
  if topic.at > #topic.places and topic.from < topic.to then
    local last = math.min(topic.to, topic.from + PLACES_AT_ONCE) - 1
    topic.places, topic.at = {}, 1
    local found = call('ZRANGE', topic.key, topic.from, last, 'WITHSCORES')
    for i = 1, #found, 2 do
      local member = found[i]
      topic.places[#topic.places + 1] = {
        topic = topic.place, due = tonumber(found[i + 1]), number = number_of(member:sub(1, 16)),
        id = member:sub(17, 32),
      }
    end
    topic.from = last + 1
  end
  return topic.places[topic.at]
end

local function is_older(a, b)
  if a.due ~= b.due then
    return a.due < b.due
  end
  return a.number < b.number
end

-- The topic whose next mail is the oldest, so that none keeps another one from being read.
local function oldest_of(topics)
  local oldest, first
  for _, topic in ipairs(topics) do
    local place = peek(topic)
    if place and (not first or is_older(place, first)) then
      oldest, first = topic, place
    end
  end
  return oldest, first
end

-- The oldest due mail of some topics of one life (MAI-02 to MAI-04).
local function read_mail(asked)
  local page, bytes = { mail = {}, more = false }, 0
  local head = find(asked.instance)
  if not head or head.ic ~= asked.life then
    return page
  end
  local keys, topics = base(head), {}
  for place, topic in ipairs(asked.topics) do
    local key = keys .. 't' .. topic.name
    local from = topic.after and rank_behind(key, topic.after[1], topic.after[2]) or 0
    local due = call('ZCOUNT', key, '-inf', now)
    page.more = page.more or due - from > asked.per_topic_max
    topics[place] = {
      place = place - 1, key = key, from = from, to = math.min(due, from + asked.per_topic_max),
      places = {}, at = 1,
    }
  end
  local topic, place = oldest_of(topics)
  while topic do
    local body = decode(call('HGET', keys .. 'm', place.id)).b
    bytes = bytes + #body
    local is_full = bytes > asked.bytes_max or #page.mail == MESSAGES_AT_ONCE
    if is_full and #page.mail > 0 then
      page.more = true
      break
    end
    page.mail[#page.mail + 1] = { place.topic, place.due, place.number, place.id, body }
    topic.at = topic.at + 1
    topic, place = oldest_of(topics)
  end
  return page
end
