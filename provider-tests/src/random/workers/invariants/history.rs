//! Histories, whole commits and ends.

use std::collections::BTreeSet;

use bytes::Bytes;
use duroxide_core::providers::{
    ExecutionStatus, ExecutionUpdate, HistoryChunk, InstanceId, Position,
};

use crate::random::workers::drain::Life;
use crate::random::workers::facts::{Facts, Fate, TurnCall};
use crate::random::workers::log::Call;
use crate::random::workers::report::{Finding, short};

/// Each history begins at 1 and has no gap up to the head's position; each of its chunks is one that
/// a commit of this life wrote there, every acknowledged chunk is in it, and what was read on the
/// way is its beginning (HIS-01, HIS-05, FEN-02).
pub(super) fn histories_are_sound(facts: &Facts<'_>) -> Result<(), Finding> {
    for (instance, life) in &facts.contents.lives {
        is_contiguous(life).map_err(|text| Finding::of(instance, text))?;
        for (execution, chunk) in chunks(life) {
            let mut writers = facts
                .turns
                .iter()
                .filter(|call| writes(call, execution, chunk));
            if !writers.any(|call| call.life == life.head.incarnation) {
                let text = format!("nobody wrote {chunk:?} into execution {execution}");
                return Err(Finding::of(instance, text));
            }
        }
        let acknowledged = facts.turns.iter().filter(|call| {
            call.commit.instance == *instance
                && call.life == life.head.incarnation
                && call.fate == Fate::Applied
        });
        for call in acknowledged {
            if !is_whole(facts, call) {
                let text = format!("a chunk of {} is missing", call.commit.commit_id);
                return Err(Finding::of(instance, text));
            }
        }
    }
    reads_are_beginnings(facts)
}

fn chunks(life: &Life) -> impl Iterator<Item = (u64, &HistoryChunk)> {
    let histories = (1..).zip(&life.histories);
    histories.flat_map(|(execution, chunks)| chunks.iter().map(move |it| (execution, it)))
}

fn is_contiguous(life: &Life) -> Result<(), String> {
    let mut end = Position::START;
    for (execution, history) in (1..).zip(&life.histories) {
        let mut next_event_id = 1;
        for chunk in history {
            if chunk.first_event_id != next_event_id {
                return Err(format!(
                    "execution {execution} has a gap at {next_event_id}"
                ));
            }
            next_event_id = chunk.next_event_id();
        }
        end = Position {
            execution,
            next_event_id,
        };
    }
    if end == life.head.position {
        Ok(())
    } else {
        Err(format!(
            "the history ends at {end:?}, the head says otherwise"
        ))
    }
}

fn writes(call: &TurnCall<'_>, execution: u64, chunk: &HistoryChunk) -> bool {
    let is_it =
        |it: &ExecutionUpdate| it.execution == execution && it.chunk.as_ref() == Some(chunk);
    call.commit.executions.iter().any(is_it)
}

/// Whether every chunk of the commit is in the history.
fn is_whole(facts: &Facts<'_>, call: &TurnCall<'_>) -> bool {
    let Some(life) = facts.last_life(&call.commit.instance, call.life) else {
        return true;
    };
    let mut updates = call.commit.executions.iter();
    updates.all(|it| {
        let place = usize::try_from(it.execution - 1).unwrap_or(usize::MAX);
        let history = life.histories.get(place);
        let mut chunks = it.chunk.iter();
        chunks.all(|chunk| history.is_some_and(|history| history.contains(chunk)))
    })
}

fn reads_are_beginnings(facts: &Facts<'_>) -> Result<(), Finding> {
    for entry in facts.entries {
        if let Call::ReadHistory {
            instance,
            answer: Some(Ok(read)),
        } = &entry.call
            && let (Some(first), Some(life)) = (read.first(), facts.contents.lives.get(instance))
            && let Some(history) = life.histories.first()
        {
            let is_of_this_life = history.first() == Some(first);
            if is_of_this_life && !history.starts_with(read) {
                let text = format!("what #{} read was changed", entry.invoked.sequence);
                return Err(Finding::of(instance, text));
            }
        }
    }
    Ok(())
}

/// A commit of which anything is seen is seen whole: its chunks are there, what it consumed is not
/// delivered again, and what it sends is not seen if it was refused (COM-01, FEN-05).
pub(super) fn commits_are_whole(facts: &Facts<'_>) -> Result<(), Finding> {
    let delivered: BTreeSet<_> = facts
        .delivered
        .iter()
        .flat_map(|delivered| delivered.messages.iter().map(|message| message.id))
        .collect();
    for call in &facts.turns {
        let mut messages = call.commit.messages.iter();
        let sent = messages.find(|it| delivered.contains(&it.message.id));
        if let Some(sent) = sent
            && (call.fate == Fate::Refused || !is_whole(facts, call))
        {
            let text = format!(
                "{} was delivered, the rest of {} was not applied",
                short(sent.message.id),
                call.commit.commit_id
            );
            return Err(Finding::of(&call.commit.instance, text));
        }
        if let Some(text) = consumed_and_delivered(facts, call) {
            return Err(Finding::of(&call.commit.instance, text));
        }
    }
    Ok(())
}

fn consumed_and_delivered(facts: &Facts<'_>, call: &TurnCall<'_>) -> Option<String> {
    let is_answered = matches!(call.answer, Some(Ok(_)));
    let mut later = facts.delivered.iter().filter(|delivered| {
        is_answered
            && *delivered.instance == call.commit.instance
            && call.entry.ended_before(delivered.entry)
    });
    later.find_map(|delivered| {
        let again = delivered.messages.iter().find(|message| {
            let is_sent_once = facts.sent.get(&message.id).is_some_and(|it| it.len() == 1);
            is_sent_once && call.commit.consumed.contains(&message.id)
        })?;
        let (id, sequence) = (short(again.id), delivered.entry.invoked.sequence);
        Some(format!(
            "#{sequence} delivers {id} again, which was consumed"
        ))
    })
}

/// After an instance has ended nothing is written, and every look at it shows the status and the
/// output that its last commit wrote, unless it was opened again (HEA-01, HEA-02, EXE-04). That nobody has
/// opened it whose turn was refused is seen by its history.
pub(super) fn ends_are_final(facts: &Facts<'_>) -> Result<(), Finding> {
    for end in facts.turns.iter().filter(|call| is_end(call)) {
        let instance: &InstanceId = &end.commit.instance;
        let output: Option<&Bytes> = end
            .commit
            .executions
            .last()
            .and_then(|it| it.output.as_ref());
        let looks = facts
            .heads()
            .filter(|(look, head)| head.incarnation == end.life && end.entry.ended_before(look));
        let execution = end.commit.executions.last().map(|it| it.execution);
        for (look, head) in looks {
            if Some(head.position.execution) > execution && facts.may_be_opened(end, look) {
                continue;
            }
            if !head.status.is_terminal() || head.output.as_ref() != output {
                let text = format!(
                    "it ended with {output:?}, and #{} shows {:?} with {:?}",
                    look.invoked.sequence, head.status, head.output
                );
                return Err(Finding::of(instance, text).seen_by(look));
            }
        }
    }
    Ok(())
}

fn is_end(call: &TurnCall<'_>) -> bool {
    let last = call.commit.executions.last();
    let ends = last.is_some_and(|it| it.status == ExecutionStatus::Completed);
    ends && call.fate == Fate::Applied
}
