//! Where a connection is broken, and how.

use std::time::Duration;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client: a request.
    ToServer,
    /// From the server: a reply.
    ToClient,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::ToServer, Self::ToClient];
}

/// How much of the message has gone through when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing: a request is never sent, a reply is lost.
    Before,
    /// The first half of its bytes, rounded down: it is torn.
    Middle,
    /// All of it, and nothing that comes after.
    After,
}

impl Place {
    /// All of them, in order of bytes.
    pub const ALL: [Self; 3] = [Self::Before, Self::Middle, Self::After];
}

/// A place in the conversation that goes through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Which way the message goes.
    pub direction: Direction,
    /// The number of the message among those that go this way, over all connections. The first
    /// since the proxy was started or [reset](super::Proxy::reset) has number 1.
    pub message: u64,
    /// How much of it goes through.
    pub place: Place,
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It ends for both sides. What the server says from then on is lost.
    Cut,
    /// It stays open and nothing goes through it, in either direction, until
    /// [`Proxy::heal`](super::Proxy::heal).
    Stall,
    /// What goes this way waits for so long, by the proxy's clock.
    Delay(Duration),
}

/// Something that happens once, at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Boundary,
    /// What.
    pub action: Action,
}

impl Fault {
    /// The connection is cut.
    #[must_use]
    pub const fn cut(at: Boundary) -> Self {
        Self {
            at,
            action: Action::Cut,
        }
    }

    /// The connection becomes a black hole.
    #[must_use]
    pub const fn stall(at: Boundary) -> Self {
        Self {
            at,
            action: Action::Stall,
        }
    }

    /// The message and what follows it come late.
    #[must_use]
    pub const fn delay(at: Boundary, by: Duration) -> Self {
        Self {
            at,
            action: Action::Delay(by),
        }
    }
}

/// How many messages went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages from clients.
    pub to_server: u64,
    /// Messages from the server.
    pub to_client: u64,
}

impl Counts {
    /// The messages that went this way.
    #[must_use]
    pub const fn of(self, direction: Direction) -> u64 {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }

    /// Every place at which a conversation of so many messages can be broken: before, in the
    /// middle of and after each of them, in both directions.
    #[must_use]
    pub fn boundaries(self) -> Vec<Boundary> {
        let mut boundaries = Vec::new();
        for direction in Direction::ALL {
            for message in 1..=self.of(direction) {
                boundaries.extend(Place::ALL.map(|place| Boundary {
                    direction,
                    message,
                    place,
                }));
            }
        }
        boundaries
    }

    pub(super) const fn next(&mut self, direction: Direction) -> u64 {
        let count = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        *count += 1;
        *count
    }
}
