-- Reading history. A chunk is stored with the ids of its first event and of the one behind its last.

-- How many chunks a page has at most: many small ones take longer than their bytes tell.
local CHUNKS_AT_ONCE = 256

-- The place of the chunk that holds an event.
local function chunk_with(key, count, event)
  local low, high = 0, count
  while event > 1 and low < high do
    local middle = math.floor((low + high) / 2)
    if number_of(call('LINDEX', key, middle):sub(17, 32)) <= event then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- A page of an execution's history (HIS-01 to HIS-04). One chunk is read at a time: how long it is shows
-- then only, and one commit may have written megabytes. A page ends early rather than hold the server.
local function read_history(asked)
  local page, bytes = { chunks = {}, more = false }, 0
  local bytes_max = math.min(asked.bytes_max, BYTES_AT_ONCE)
  local head = find(asked.instance)
  if not head then
    return page
  end
  local key = base(head) .. 'h' .. asked.execution
  local count = call('LLEN', key)
  for place = chunk_with(key, count, asked.from), count - 1 do
    local chunk = call('LINDEX', key, place)
    bytes = bytes + #chunk - 32
    local is_full = bytes > bytes_max or #page.chunks == CHUNKS_AT_ONCE
    if is_full and #page.chunks > 0 then
      page.more = true
      break
    end
    page.chunks[#page.chunks + 1] = chunk
  end
  return page
end
