-- The front of a queue: what became claimable first. Activities of an instance that was removed are taken out of
-- it by whoever meets them (DEL-01): an instance may have left many, which must not keep others waiting.

-- How many activities of removed instances one call takes out, and how many more items it looks at where there
-- are such.
local DROPPED_AT_ONCE_MAX = 256
local LOOKED_AT_MORE = 256

-- How many it may still take out, and whether it had to leave a queue for that.
local may_drop, is_cut_short = DROPPED_AT_ONCE_MAX, false

-- The first claimable items of a queue, each with its time.
local function front_of(prefix, queue, max)
  local key, count = prefix .. queue, max
  local front, dropped
  repeat
    local found = call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, count, 'WITHSCORES')
    front, dropped = {}, {}
    for i = 1, #found, 2 do
      if prefix == K .. 'a:' and is_of_removed(found[i]) then
        dropped[#dropped + 1] = found[i]
      elseif #front < max then
        front[#front + 1] = { member = found[i], at = tonumber(found[i + 1]), queue = queue }
      end
    end
    if #dropped > 0 then
      call('ZREM', key, unpack(dropped))
      may_drop = may_drop - #dropped
      count = max + LOOKED_AT_MORE
    end
  until #dropped == 0 or #front == max or may_drop <= 0
  is_cut_short = is_cut_short or (may_drop <= 0 and #front < max)
  return front
end
