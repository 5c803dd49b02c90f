-- Leases instances and activities: what became claimable first, within the limits of the claim.

-- The first items of each queue, at most one more than may be claimed: that tells whether there are
-- others.
local function fronts_of(prefix, queues, max)
  local fronts = {}
  for place, queue in ipairs(queues) do
    fronts[place] = front_of(prefix, queue, max + 1)
  end
  return fronts
end

local function comes_before(a, b)
  if a.at ~= b.at then
    return a.at < b.at
  end
  return number_of(a.member:sub(1, 16)) < number_of(b.member:sub(1, 16))
end

-- So many of each queue as the caller says, who knows what others have.
local function take(fronts, takes)
  local chosen = {}
  for place, front in ipairs(fronts) do
    for i = 1, math.min(#front, takes[place]) do
      chosen[#chosen + 1] = front[i]
    end
  end
  table.sort(chosen, comes_before)
  return chosen, false
end

-- Of each queue its share, and of the rest what became claimable first (CLM-06, CLM-12); and whether
-- others are left.
local function share_out(fronts, max)
  local share = math.floor(max / math.max(#fronts, 1))
  local chosen, others = {}, {}
  for _, front in ipairs(fronts) do
    for place, item in ipairs(front) do
      local list = place <= share and chosen or others
      list[#list + 1] = item
    end
  end
  local all = #chosen + #others
  table.sort(others, comes_before)
  for place = 1, math.min(#others, max - #chosen) do
    chosen[#chosen + 1] = others[place]
  end
  table.sort(chosen, comes_before)
  return chosen, all > max
end

-- The items to claim, in their order, and whether others are left.
local function choose(prefix, claim)
  local fronts = fronts_of(prefix, claim.queues, claim.max)
  if claim.takes then
    return take(fronts, claim.takes)
  end
  return share_out(fronts, claim.max)
end

-- How many bytes all claims of the script may still hold: as many as the one that may hold most.
local left_for_all = 0

-- How many bytes the items of a claim may still hold: the first one as many as it has (CLM-13).
local function budget_of(total)
  local left, has_any = total, false
  return function(bytes)
    if has_any and bytes > math.min(left, left_for_all) then
      return false
    end
    left, left_for_all, has_any = math.max(left - bytes, 0), math.max(left_for_all - bytes, 0), true
    return true
  end
end

-- How many messages are read at a time: the limit of bytes may end the answer long before.
local SLICE = 64

-- The channels of which an instance gets messages.
local SUSPENDED, RUNNING = { 'c' }, { 'c', 's' }

-- The due messages that are in the head, by their ids.
local function deliver_held(head, claim)
  local ids, bytes = {}, 0
  for _, channel in ipairs(head.su and SUSPENDED or RUNNING) do
    for _, held in ipairs(held_of(head, channel)) do
      if held[2] > now then
        break
      end
      local is_full = #ids >= claim.messages_max or bytes + #held[5] > claim.bytes_max
      if is_full and #ids > 0 then
        return ids, bytes
      end
      bytes = bytes + #held[5]
      ids[#ids + 1] = held[4]
    end
  end
  return ids, bytes
end

-- The due messages for a claim, at least one of them if there is one (CLM-02, CLM-11).
local function deliver(head, claim)
  local keys, messages, bytes = base(head), {}, 0
  for _, channel in ipairs(head.su and SUSPENDED or RUNNING) do
    local from = 0
    while (head[COUNTS[channel]] or 0) > from do
      local places = call('ZRANGE', keys .. channel, '-inf', now, 'BYSCORE', 'LIMIT', from, SLICE)
      if #places == 0 then
        break
      end
      from = from + SLICE
      local ids = {}
      for place, member in ipairs(places) do
        ids[place] = member:sub(17, 32)
      end
      for place, stored in ipairs(call('HMGET', keys .. 'm', unpack(ids))) do
        local body = #decode(stored).b
        local is_full = #messages >= claim.messages_max or bytes + body > claim.bytes_max
        if is_full and #messages > 0 then
          return messages, bytes
        end
        bytes = bytes + body
        messages[#messages + 1] = { ids[place], stored }
      end
    end
  end
  return messages, bytes
end

local function token_of(claim, place)
  place = claim.first_token + place
  return R.tokens:sub(16 * place - 15, 16 * place)
end

-- Whether a message beside the head is due, by what the head says.
local function is_message_due(head)
  local control = (head.cc or 0) > 0 and channel_ms(head, 'c') <= now
  return control or (not head.su and (head.sc or 0) > 0 and channel_ms(head, 's') <= now)
end

-- Leases an instance, unless its messages are more than the claim may still hold.
local function claim_turn(id, head, claim, token, fits)
  local held, messages, bytes = nil, {}, 0
  if head.mi then
    held, bytes = deliver_held(head, claim)
  else
    messages, bytes = deliver(head, claim)
  end
  if not held and #messages == 0 and is_message_due(head) then
    error('its messages are not there')
  end
  if not fits(bytes) then
    return nil
  end
  local mail, output = not head.su and mail_ms(head), long_output_of(head)
  local held_until = head.un
  head.tk, head.un, head.at = token, after(claim.lease), (head.at or 0) + 1
  head.is_due = #messages > 0 or (held and #held > 0)
  return {
    instance = id, head = save(id, head), output = output, messages = messages, held = held, bytes = bytes,
    has_mail = mail ~= nil and mail ~= false and mail <= now, was = held_until,
  }
end

-- For how long an item that cannot be claimed is left alone, in milliseconds.
local PUT_OFF = 60000

-- What cannot be claimed, and why.
local damaged = {}

-- Takes what is not there out of its queue.
local function gone(prefix, item)
  call('ZREM', prefix .. item.queue, item.member)
  error('it is not there')
end

-- Whether an item is no more what its instance or activity says of its place: it was left behind in the queue, and
-- leads to something that is elsewhere. It is taken out.
local function is_stale(prefix, item, found)
  if found.q == item.queue and found.ro == item.member:sub(1, 16) then
    return false
  end
  call('ZREM', prefix .. item.queue, item.member)
  return true
end

-- What stands for a claim of something stale.
local STALE = {}

-- Damage must not keep others from being claimed (CLM-10).
local function put_off(prefix, item, failure)
  call('ZADD', prefix .. item.queue, 'XX', now + PUT_OFF, item.member)
  damaged[#damaged + 1] = { item.member:sub(17), reason(failure) }
end

local function claim_turns(claim)
  local turns, fits = {}, budget_of(claim.total_max)
  if claim.only then
    local head = load(claim.only)
    if head and not is_leased(head) and claim.max > 0 then
      turns[1] = claim_turn(claim.only, head, claim, token_of(claim, 1), fits)
    end
    return turns, false
  end
  local chosen, more = choose(K .. 'r:', claim)
  for place, item in ipairs(chosen) do
    local id = item.member:sub(17)
    local is_done, turn = pcall(function()
      local head = load(id) or gone(K .. 'r:', item)
      if is_stale(K .. 'r:', item, head) then
        return STALE
      end
      return claim_turn(id, head, claim, token_of(claim, place), fits)
    end)
    if not is_done then
      forget(id)
      put_off(K .. 'r:', item, turn)
    elseif not turn then
      return turns, true, item.at
    elseif turn ~= STALE then
      turn.at = item.at
      turns[#turns + 1] = turn
    end
  end
  return turns, more
end

-- Leases an activity, unless its body is more than the claim may still hold.
local function claim_activity(item, claim, token, fits)
  local head, key = { n = item.member:sub(17, 32) }, item.member:sub(33)
  local activity = activity_of(head, key) or gone(K .. 'a:', item)
  if is_stale(K .. 'a:', item, activity) then
    return STALE
  end
  if not fits(activity.bl) then
    return nil
  end
  local stored = call('HMGET', base(head) .. 'w', 'b' .. key, 'd' .. key)
  assert(stored[1], 'its body is not there')
  local held_until = activity.un
  activity.tk, activity.un, activity.at = token, after(claim.lease), activity.at + 1
  save_activity(head, key, activity)
  return {
    instance = activity.i, life = activity.ic, key = key, token = token, queue = activity.q,
    attempt = activity.at, body = stored[1], details = stored[2] or nil, was = held_until, at = item.at,
  }
end

local function claim_activities(claim)
  local found, fits = {}, budget_of(claim.total_max)
  local chosen, more = choose(K .. 'a:', claim)
  for place, item in ipairs(chosen) do
    local is_done, activity = pcall(claim_activity, item, claim, token_of(claim, place), fits)
    if not is_done then
      put_off(K .. 'a:', item, activity)
    elseif not activity then
      return found, true, item.at
    elseif activity ~= STALE then
      found[#found + 1] = activity
    end
  end
  return found, more
end

-- Claims what one caller asks for, and answers all but when the next items are due.
local function claim(asked)
  damaged, is_cut_short = {}, false
  local items, more, cut_at
  if asked.of_turns then
    items, more, cut_at = claim_turns(asked)
  else
    items, more, cut_at = claim_activities(asked)
    more = more or is_cut_short
  end
  return { now = now, seq = seq, items = items, more = more, cut_at = cut_at, damaged = damaged }
end

local answers, first = {}, 0
for _, asked in ipairs(R.claims) do
  left_for_all = math.max(left_for_all, asked.total_max)
end
for place, asked in ipairs(R.claims) do
  asked.first_token = first
  first = first + asked.max
  local is_done, answer = pcall(claim, asked)
  answers[place] = is_done and answer or reason(answer)
  if not is_done and asked.only then
    forget(asked.only)
  end
end
settle()
for place, asked in ipairs(R.claims) do
  local answer = answers[place]
  if type(answer) == 'table' then
    local is_done, dues = pcall(dues_of, K .. (asked.of_turns and 'r:' or 'a:'), asked.queues)
    answer.seq, answer.dues = seq, is_done and dues or {}
    answers[place] = encode(answer)
  else
    -- No answer begins with this byte, which MessagePack never uses.
    answers[place] = '\193' .. answer
  end
end
return encode(answers)
