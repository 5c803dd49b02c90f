-- Applies what a relay brings from other partitions, each batch whole or not at all.

local changed_ids = {}

-- Whether this is the place for which a batch was made.
local function fits(log, batch)
  local place = batch.place
  return place[1] == log.last[1] and place[2] == log.last[2] and batch.lost == log.lost
    and (batch.start ~= 'back' or holds(log, batch.from))
end

-- Applies an entry, and answers what is left of it, whether it was dropped, and what has failed.
local function apply_entry(entry)
  local link, envelope = entry[2], nil
  local is_done, dropped, number, is_instance = pcall(function()
    envelope = decode(entry[3])
    envelope.delay = entry[1]
    save_if_changed(envelope.to)
    local dropped, number, is_instance = send(envelope)
    save_if_changed(envelope.to)
    return dropped, number, is_instance
  end)
  if not is_done then
    if envelope then
      forget(envelope.to)
    end
    return link, true, reason(dropped)
  end
  if is_instance then
    changed_ids[#changed_ids + 1] = envelope.to
  end
  return trace_of(link, envelope, number, is_instance), dropped > 0, nil
end

-- Applies the entries of a batch, and answers the places of those that were dropped, and what has failed.
local function apply_entries(log, entries)
  local traces, dropped, failed = {}, {}, {}
  for place, entry in ipairs(entries) do
    local trace, is_dropped, why = apply_entry(entry)
    traces[place] = trace
    if is_dropped then
      dropped[#dropped + 1] = place - 1
    end
    failed[#failed + 1] = why
  end
  push(log, traces)
  if #entries > 0 then
    log.last = { log.last[1] + #entries, entries[#entries][2] }
  end
  return dropped, failed
end

local function deliver(batch)
  local log = log_of('in', batch.source)
  local answer = { source = log.part, fits = fits(log, batch), dropped = {}, failed = {} }
  if answer.fits then
    local is_all = true
    if batch.start == 'back' then
      answer.ghosts, is_all = go_back(log, batch.from)
      for _, id in ipairs(answer.ghosts.instances) do
        changed_ids[#changed_ids + 1] = id
      end
    elseif batch.start == 'over' then
      start_over(log, batch.from)
    end
    if is_all then
      answer.dropped, answer.failed = apply_entries(log, batch.entries)
      answer.applied = #batch.entries
    end
    forget_until(log, batch.settled)
    log.is_stored, log.is_changed = true, true
  end
  note_window(log)
  if log.is_changed then
    save_log(log)
  end
  answer.changed = changed_ids
  answer.seen = { source = log.part, place = log.last, lost = log.lost, settled = log.settled, base = log.base }
  return answer
end

return finish({ deliver(R.deliver) }, changed_ids)
