-- Messages of turns to instances of other partitions: each goes into the log to that partition, from which a
-- relay takes it.

local outboxes, targets = {}, {}

-- What the member at hand sends. It is written when the member has succeeded.
local posted = {}

-- The log to a partition.
local function outbox_of(part)
  local log = outboxes[part]
  if not log then
    log = log_of('out', part)
    log.before, log.elements, log.sent = log.last, {}, {}
    outboxes[part] = log
    targets[#targets + 1] = log
  end
  return log
end

-- Leaves a message to the relay; `place` tells which one of its turn it is, `by` which turn sends it.
local function append(envelope, place, by)
  local log = outbox_of(envelope.part)
  envelope.part = nil
  posted[#posted + 1] = {
    log = log, place = place, by = by, id = envelope.message.id,
    stored = string.format('%016x', after(envelope.delay)) .. encode(envelope),
  }
end

-- A link that no other script has given, at whatever state of the log: the milliseconds of two scripts with
-- the same turn differ if a failover lies between them.
local function next_link(before, by, id)
  local digest = redis.sha1hex(before .. by .. id .. string.format('%016x', now))
  return struct.pack('>I4I4', number_of(digest:sub(1, 8)), number_of(digest:sub(9, 16)))
end

-- Keeps what a member has sent.
local function keep_posted(member)
  for _, message in ipairs(posted) do
    local log = message.log
    local link = next_link(log.last[2], message.by, message.id)
    log.last = { log.last[1] + 1, link }
    log.elements[#log.elements + 1] = link .. message.stored
    log.sent[#log.sent + 1] = { member, message.place, link }
  end
  posted = {}
end

local function drop_posted()
  posted = {}
end

-- Writes what was sent, and answers it: to which partition, behind which place, and each entry's member, place
-- in it and link.
local function write_outboxes()
  local sent = {}
  for _, log in ipairs(targets) do
    if #log.elements > 0 then
      push(log, log.elements)
      save_log(log)
      sent[#sent + 1] = { log.part, log.before, log.sent }
    end
  end
  return sent
end
