-- What a source has lost after it was delivered: it was sent by a past that is gone, and is taken back where
-- nobody has acted on it.

-- How much is given up at once. A place in between is left as the last one is.
local GHOSTS_AT_ONCE = 512

-- What came of an entry, in the target's log: the link alone, or also who has it, the message, and the number of
-- the message or, with the digest of its start, of the instance that it created.
local function trace_of(link, envelope, number, is_instance)
  if not number then
    return link
  end
  return link .. encode({ envelope.to, envelope.message.id, number, is_instance and digest_of(envelope) or nil })
end

-- Takes back that an instance was created. One that has begun, or has got something from others, may only be marked: it tells its parent nothing
-- any more, and has no claim to its id. One that has ended has told it already: nobody adopts that, whose end
-- nobody would hear.
local function give_up_instance(id, head, digest)
  local messages = (head.cc or 0) + (head.sc or 0) + (head.mc or 0)
  if not head.ci and messages <= 1 then
    remove(id, head)
    return 'instances'
  end
  head.gh = has_ended(head) and '' or digest
  touch(id)
  return 'marked'
end

local function give_up(trace)
  local id, message, number, digest = unpack(trace)
  local head = load(id)
  if digest then
    return head and head.n == number and give_up_instance(id, head, digest) or 'consumed'
  end
  if head and number_of_message(head, message) == number then
    remove_message(head, message)
    touch(id)
    return 'messages'
  end
  return 'consumed'
end

-- Gives up what was taken behind a place, the last first, and answers the instances of each kind of ghost, and
-- whether that is all.
local function go_back(log, place)
  local ghosts = { messages = {}, instances = {}, marked = {}, consumed = {} }
  local count = math.min(log.last[1] - place[1], GHOSTS_AT_ONCE)
  local is_all = count == log.last[1] - place[1]
  if not is_all then
    local number = log.last[1] - count
    place = { number, link_at(log, number) }
  end
  local elements = count > 0 and call('LRANGE', log.list, -count, -1) or {}
  for index = #elements, 1, -1 do
    if #elements[index] > LINK_BYTES then
      local trace = decode(elements[index]:sub(LINK_BYTES + 1))
      save_if_changed(trace[1])
      local is_done, kind = pcall(function()
        local kind = give_up(trace)
        save_if_changed(trace[1])
        return kind
      end)
      if not is_done then
        forget(trace[1])
        kind = 'consumed'
      end
      ghosts[kind][#ghosts[kind] + 1] = trace[1]
    end
  end
  call('LTRIM', log.list, 0, -(count + 1))
  log.lost, log.last = log.last[2], place
  cut_settled(log, place)
  return ghosts, is_all
end

-- Begins anew at a place of the source's: the two have none in common, and what was between is lost or comes twice.
local function start_over(log, place)
  call('UNLINK', log.list)
  log.lost, log.base, log.last = log.last[2], place, place
  cut_settled(log, BEGINNING)
end
