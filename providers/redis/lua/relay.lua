-- What the two ends of the way from one partition to another share: each keeps a log, the source of what it
-- sends and the target of what it took. Every element of a log begins with its link: eight bytes that are given
-- once, and that stand for the entry and all before it. A place is a number and its link.
--
-- A log has a base (the last place that was forgotten), a last place, and what is settled: the place at which it
-- was one window ago, and can no longer lose. `docs/adr/0018-redis.md` tells the protocol, `tests/relay` proves it.

local LINK_BYTES = 8
local NO_LINK = string.rep('\0', LINK_BYTES)
local BEGINNING = { 0, NO_LINK }

-- The lists of the logs, by the hash that holds what else there is of them.
local LISTS = { out = 'o:', ['in'] = 't:' }

-- How many elements are forgotten at once: the server does nothing else meanwhile.
local FORGOTTEN_AT_ONCE = 16384

-- The log between this partition and another one: 'out' of what it sends there, 'in' of what it took from there.
-- That it is whole is seen before anything is written.
local function log_of(name, part)
  local stored = call('HGET', K .. name, part)
  local parts = stored and decode(stored) or { BEGINNING, BEGINNING, BEGINNING, BEGINNING, 0, NO_LINK }
  local log = {
    is_stored = stored and true, name = name, part = part, list = K .. LISTS[name] .. part,
    base = parts[1], last = parts[2], settled = parts[3], next = parts[4], since = parts[5], lost = parts[6],
  }
  if call('LLEN', log.list) ~= log.last[1] - log.base[1] then
    error('DAMAGED the log ' .. log.list .. ' has not as many elements as were put into it')
  end
  return log
end

local function save_log(log)
  local stored = { log.base, log.last, log.settled, log.next, log.since, log.lost }
  call('HSET', K .. log.name, log.part, encode(stored))
  log.is_stored = true
end

-- The link with this number, or nil if it was forgotten or is not there yet.
local function link_at(log, number)
  if number == log.base[1] then
    return log.base[2]
  end
  if number < log.base[1] or number > log.last[1] then
    return nil
  end
  local element = call('LINDEX', log.list, number - log.base[1] - 1)
  return element and element:sub(1, LINK_BYTES) or nil
end

local function holds(log, place)
  return link_at(log, place[1]) == place[2]
end

-- Measures the window: what is there now is settled when it has aged by one. A log that is not there is not made
-- by that.
local function note_window(log)
  if log.is_stored and now - log.since >= R.window then
    log.settled, log.next, log.since = log.next, log.last, now
    log.is_changed = true
  end
end

-- Gives up what was noted behind a place.
local function cut_settled(log, place)
  for _, name in ipairs({ 'settled', 'next' }) do
    if log[name][1] > place[1] then
      log[name] = place
    end
  end
end

-- Forgets what lies before a place that the other end has settled, unless it is not the same place here.
local function forget_until(log, place)
  local count = place[1] - log.base[1]
  if count <= 0 or not holds(log, place) then
    return
  end
  if count > FORGOTTEN_AT_ONCE then
    count = FORGOTTEN_AT_ONCE
    local number = log.base[1] + count
    place = { number, link_at(log, number) }
  end
  call('LTRIM', log.list, count, -1)
  log.base = place
  log.is_changed = true
end

-- Adds elements at the end of a log; `unpack` of too many fails.
local function push(log, elements)
  for first = 1, #elements, 1024 do
    call('RPUSH', log.list, unpack(elements, first, math.min(first + 1023, #elements)))
  end
end
