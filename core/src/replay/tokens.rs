//! The operations that were scheduled and whose answers nobody has taken yet.

use std::collections::BTreeMap;
use std::task::Waker;

use super::token::{Answer, Token, TokenKind, TokenState};

/// The tokens by the event that scheduled them, and how many outcomes they still bring.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    tokens: BTreeMap<u64, Token>,
    outstanding: u64,
    /// How many were given out for operations that no event scheduled.
    without_event: u64,
}

impl Tokens {
    pub(super) fn insert(&mut self, event_id: u64, kind: TokenKind) {
        self.outstanding += u64::from(kind.brings_outcome());
        let state = TokenState::Open(None);
        self.tokens.insert(event_id, Token { kind, state });
    }

    /// A token for an operation without an event. Its id is none of an event: those count from 1 up,
    /// these from the end down.
    pub(super) fn insert_without_event(&mut self, kind: TokenKind) -> u64 {
        let id = u64::MAX - self.without_event;
        self.without_event += 1;
        self.insert(id, kind);
        id
    }

    pub(super) fn get(&self, event_id: u64) -> Option<&Token> {
        self.tokens.get(&event_id)
    }

    pub(super) fn state_mut(&mut self, event_id: u64) -> Option<&mut TokenState> {
        self.tokens.get_mut(&event_id).map(|token| &mut token.state)
    }

    /// Records the answer, and says whom to wake: whoever polled last.
    #[must_use]
    pub(super) fn resolve(&mut self, event_id: u64, answer: Answer) -> Option<Waker> {
        let token = self.tokens.get_mut(&event_id)?;
        match std::mem::replace(&mut token.state, TokenState::Resolved(answer)) {
            TokenState::Open(waker) => {
                self.outstanding -= u64::from(token.kind.brings_outcome());
                waker
            }
            TokenState::Resolved(_) => None,
        }
    }

    pub(super) fn remove(&mut self, event_id: u64) -> Option<Token> {
        let token = self.tokens.remove(&event_id)?;
        if token.is_open() {
            self.outstanding -= u64::from(token.kind.brings_outcome());
        }
        Some(token)
    }

    /// How many events these operations still bring.
    pub(super) fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// What is not answered yet, the latest first: of many that are answered one after another, that
    /// is where the open ones are.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, &TokenKind)> {
        let tokens = self.tokens.iter().rev();
        tokens
            .filter(|(_, token)| token.is_open())
            .map(|(event_id, token)| (*event_id, &token.kind))
    }

    /// The open operations that were scheduled from this event on and can fail.
    pub(super) fn refusable_from(&self, began_at: u64) -> impl Iterator<Item = (u64, &TokenKind)> {
        let tokens = self.tokens.range(began_at..);
        tokens
            .filter(|(_, token)| {
                token.is_open()
                    && matches!(token.kind, TokenKind::Activity | TokenKind::Child { .. })
            })
            .map(|(event_id, token)| (*event_id, &token.kind))
    }

    /// Takes an open operation back: the engine answers it by itself.
    pub(super) fn withdraw(&mut self, event_id: u64) -> Option<TokenKind> {
        let token = self.tokens.get_mut(&event_id)?;
        let kind = std::mem::replace(&mut token.kind, TokenKind::System);
        self.outstanding -= u64::from(kind.brings_outcome());
        Some(kind)
    }

    /// Takes out all that is still open.
    pub(super) fn take_open(&mut self) -> impl Iterator<Item = (u64, TokenKind)> + use<> {
        self.outstanding = 0;
        let tokens = std::mem::take(&mut self.tokens).into_iter();
        tokens
            .filter(|(_, token)| token.is_open())
            .map(|(event_id, token)| (event_id, token.kind))
    }
}
