-- Reads of single instances: any number in one call, each answered in its place.

local function is_there(value)
  return value ~= nil and (not value.x or now < value.x)
end

-- The head with its note, as a list of one or none (HEA-01, NOT-01).
local function read_head(asked)
  local head, stored = find(asked.instance)
  return { head and { h = stored, o = long_output_of(head), n = shown_note(head) } }
end

-- Those of the named values that are there (VAL-02, VAL-04), or, within a limit of bytes, as many of them
-- as fit and one at least.
local function read_values(asked)
  local head, found, bytes = find(asked.instance), {}, 0
  for place, key in ipairs(head and asked.keys or {}) do
    local value = value_of(base(head), key) or nil
    if is_there(value) then
      bytes = bytes + #value.b
      if asked.bytes_max and bytes > asked.bytes_max and #found > 0 then
        break
      end
      found[#found + 1] = { place - 1, value.b, value.c }
    end
  end
  return found
end

-- The keys of all values, in no order: the order of texts in Lua is that of the server's language, and
-- not that of their bytes.
local function read_value_keys(asked)
  local head = find(asked.instance)
  return head and call('HKEYS', base(head) .. 'v') or {}
end

-- Whether an instance is as somebody waits for it to become (WAK-04, VAL-06).
local function is_met(head, watch)
  if not watch.key then
    return has_ended(head)
  end
  local value = value_of(base(head), watch.key) or nil
  local version = is_there(value) and value.c or nil
  return version ~= watch.version
end

-- The heads that meet their conditions, without notes (NOT-02).
local function read_changed(asked)
  local met = {}
  for place, watch in ipairs(asked.watches) do
    local head, stored = find(watch.instance)
    if head and is_met(head, watch) then
      met[#met + 1] = { p = place - 1, h = stored, o = long_output_of(head) }
    end
  end
  return met
end

local READS = {
  head = read_head, values = read_values, value_keys = read_value_keys, mail = read_mail,
  history = read_history, changed = read_changed,
}

-- After how many bytes no more is read: what is left is answered with nothing, and asked for again.
local BYTES_AT_ONCE = 1024 * 1024

-- Each answer is a text of its own, since they are for different callers.
local answers, bytes = {}, 0
for place, read in ipairs(R.reads) do
  for kind, asked in pairs(read) do
    if bytes <= BYTES_AT_ONCE then
      local is_done, answer = pcall(READS[kind], asked)
      -- No answer begins with this byte, which MessagePack never uses.
      answers[place] = is_done and encode(answer) or '\193' .. reason(answer)
    else
      answers[place] = ''
    end
    bytes = bytes + #answers[place]
  end
end
return encode(answers)
