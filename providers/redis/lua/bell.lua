-- Tells other processes what they wait for.

-- Whether another process is alive.
local function has_peers()
  local alive = call('ZCARD', K .. 'nodes')
  return alive > 1 or (alive == 1 and not call('ZSCORE', K .. 'nodes', R.node))
end

-- Tells of what became claimable, but for the queues of turns that the caller takes on itself, and of the
-- instances that changed. One that is alone tells nobody.
local function ring(changed_ids)
  local news = {
    from = R.node, now = now, seq = seq, turns = {}, activities = pairs_of(raised.activities), changed = changed_ids,
  }
  for queue, at in pairs(raised.turns) do
    if not R.taken or not R.taken[queue] then
      news.turns[#news.turns + 1] = { queue, at }
    end
  end
  if #news.turns + #news.activities + #changed_ids > 0 and has_peers() then
    call(PUBLISH, R.bell, encode(news))
  end
end

-- Writes what was changed, tells the others, and answers each member with what became claimable, and what was
-- sent to other partitions.
local function finish(answers, changed_ids, sent)
  local failed = settle()
  ring(changed_ids)
  if failed then
    error(failed)
  end
  return encode({
    now = now, seq = seq, answers = answers, turns = pairs_of(raised.turns), activities = pairs_of(raised.activities),
    sent = sent,
  })
end
