//! `select` and `join`, decided by history rather than by the order of polling.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::FusedFuture;

use super::durable_future::DurableFuture;
use crate::replay::DurableOutput;

/// The first of several durable operations, by the position of its outcome in history.
///
/// Yields the operation's index and outcome, and drops, and so cancels, the others. With no
/// members it never resolves.
#[derive(Debug)]
#[must_use = "a durable operation is scheduled when it is awaited"]
pub struct SelectFuture {
    members: Vec<DurableFuture>,
    race: Race,
    done: bool,
}

impl SelectFuture {
    pub(super) fn new(members: Vec<DurableFuture>) -> Self {
        Self {
            members,
            race: Race::default(),
            done: false,
        }
    }
}

impl Future for SelectFuture {
    type Output = (usize, DurableOutput);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(usize, DurableOutput)> {
        let this = self.get_mut();
        let first = this.race.poll(&mut this.members, |member| Some(member), cx);
        let won = first.and_then(|index| Some((index, this.members[index].take()?)));
        match won {
            Some((index, output)) => {
                this.done = true;
                this.members.clear();
                Poll::Ready((index, output))
            }
            None => Poll::Pending,
        }
    }
}

impl FusedFuture for SelectFuture {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

/// Which of several durable operations is first in history.
#[derive(Debug, Default)]
pub(super) struct Race {
    began: bool,
}

impl Race {
    /// The place of the first one that was answered, if any was.
    pub(super) fn poll<M>(
        &mut self,
        members: &mut [M],
        future: impl for<'a> Fn(&'a mut M) -> Option<&'a mut DurableFuture>,
        cx: &Context<'_>,
    ) -> Option<usize> {
        // At first every member is polled, so that all are scheduled, in the order of the arguments.
        let mut schedules = !self.began;
        self.began = true;
        loop {
            let mut first: Option<(u64, usize)> = None;
            let mut left = 0_usize;
            for (index, member) in members.iter_mut().enumerate() {
                let Some(member) = future(member) else {
                    continue;
                };
                if member.is_unscheduled() && !schedules {
                    left += 1;
                } else if let Some(at) = member.poll_resolved_at(cx)
                    && first.is_none_or(|(earliest, _)| at < earliest)
                {
                    first = Some((at, index));
                }
            }
            // One that could not be scheduled then is scheduled now, if nobody has won without it.
            if first.is_some() || left == 0 {
                return first.map(|(_, index)| index);
            }
            schedules = true;
        }
    }
}

/// All of several durable operations.
///
/// Yields their outcomes in the order in which history has them, not in the order of the
/// arguments. With no members it resolves at once.
#[derive(Debug)]
#[must_use = "a durable operation is scheduled when it is awaited"]
pub struct JoinFuture {
    members: Vec<DurableFuture>,
    /// When each of the first members was resolved; the next one is being waited for. Members
    /// behind it are looked at when it is their turn, so that joining costs the same for each
    /// member however many there are.
    resolved_at: Vec<u64>,
    scheduled: bool,
    done: bool,
}

impl JoinFuture {
    pub(super) fn new(members: Vec<DurableFuture>) -> Self {
        Self {
            members,
            resolved_at: Vec::new(),
            scheduled: false,
            done: false,
        }
    }
}

impl Future for JoinFuture {
    type Output = Vec<DurableOutput>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<DurableOutput>> {
        let this = self.get_mut();
        if !this.scheduled {
            for member in &mut this.members {
                // The answer does not matter yet: the poll schedules the member.
                member.poll_resolved_at(cx);
            }
            // A member that could not be scheduled now does not wait for those before it.
            this.scheduled = !this.members.iter().any(DurableFuture::is_unscheduled);
        }
        while let Some(member) = this.members.get_mut(this.resolved_at.len()) {
            match member.poll_resolved_at(cx) {
                Some(at) => this.resolved_at.push(at),
                None => return Poll::Pending,
            }
        }
        this.done = true;
        let members = std::mem::take(&mut this.members);
        let mut outputs: Vec<(u64, DurableOutput)> = std::mem::take(&mut this.resolved_at)
            .into_iter()
            .zip(members)
            .filter_map(|(at, mut member)| Some((at, member.take()?)))
            .collect();
        outputs.sort_by_key(|(at, _)| *at);
        Poll::Ready(outputs.into_iter().map(|(_, output)| output).collect())
    }
}

impl FusedFuture for JoinFuture {
    fn is_terminated(&self) -> bool {
        self.done
    }
}
