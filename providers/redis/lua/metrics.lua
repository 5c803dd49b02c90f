-- Counts of what is stored and queued, slice by slice. All slices count as of the time of the first.

-- How many instances one call looks at, and how many things of them.
local COUNTED_AT_ONCE = 128
local STEPS_AT_ONCE = 512

-- Counts the messages of a channel: those that are due, and those that will be.
local function count_channel(counts, key, at)
  local due = call('ZCOUNT', key, '-inf', at)
  counts.due = counts.due + due
  counts.later = counts.later + call('ZCARD', key) - due
  return 1
end

-- Counts what waits for an instance: of mail what it awaits (ADM-03).
local function count_messages(counts, head, at)
  local keys, steps = base(head), 0
  for _, channel in ipairs({ 'c', 's' }) do
    if (head[COUNTS[channel]] or 0) > 0 and not head.mi then
      steps = steps + count_channel(counts, keys .. channel, at)
    end
  end
  for _, held in ipairs(head.mi or NONE) do
    local kind = held[2] <= at and 'due' or 'later'
    counts[kind] = counts[kind] + 1
  end
  if (head.mc or 0) > 0 then
    for _, topic in ipairs(head.aw or {}) do
      steps = steps + count_channel(counts, keys .. 't' .. topic, at)
    end
  end
  return steps
end

-- Counts instances from one on. Where one has more executions than a call counts, the next call begins
-- within it.
local function count_instances(asked)
  local at = asked.at or now
  local counts = {
    damaged = damaged, at = at, seq = seq, statuses = { 0, 0, 0, 0 }, executions = 0, events = 0, due = 0, later = 0,
  }
  local steps = 0
  local ids = call('ZRANGE', K .. 'ids', asked.from, '+', 'BYLEX', 'LIMIT', 0, COUNTED_AT_ONCE + 1)
  for place, id in ipairs(ids) do
    if place > COUNTED_AT_ONCE or steps >= STEPS_AT_ONCE then
      counts.next = '[' .. id
      return counts
    end
    local head = find_whole(id)
    local first, last = 1, 0
    if head then
      first, last = executions_of(head)
    end
    if not head then
      steps = steps + 1
    elseif asked.execution and asked.from == '[' .. id then
      first = math.max(first, asked.execution)
    else
      local status = ('PRCF'):find(head.st, 1, true)
      counts.statuses[status] = counts.statuses[status] + 1
      steps = steps + count_messages(counts, head, at)
    end
    for execution = first, last - 1 do
      if steps >= STEPS_AT_ONCE then
        counts.next, counts.execution = '[' .. id, execution
        return counts
      end
      local record = call('HGET', base(head) .. 'e', string.format('%016x', execution))
      -- A record has the output, so that it may be long.
      steps = steps + 1 + math.floor(#record / 1024)
      counts.executions = counts.executions + 1
      counts.events = counts.events + number_of(decode(record).n) - 1
    end
    if first <= last then
      counts.executions = counts.executions + 1
      counts.events = counts.events + number_of(head.ev) - 1
    end
  end
  return counts
end

-- Counts what is in some of the queues of turns or of activities (ADM-10): those that a scan finds, which
-- may find one twice.
local function count_queues(asked)
  local prefix = K .. (asked.of_turns and 'r:' or 'a:')
  local found = call('SSCAN', K .. (asked.of_turns and 'tq' or 'aq'), asked.cursor, 'COUNT', COUNTED_AT_ONCE)
  local queues = {}
  for _, name in ipairs(found[2]) do
    local all = call('ZCARD', prefix .. name)
    if all > 0 then
      local claimable = call('ZCOUNT', prefix .. name, '-inf', asked.at)
      queues[#queues + 1] = { name, claimable, all, first_ms(prefix .. name) }
    end
  end
  return { seq = seq, cursor = found[1], queues = queues }
end
