//! Leases: claimed, renewed and given back through one connection, whose transactions need not wait for
//! the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Lease, ProviderError, Release, Renew,
    Renewal, Turn,
};
use sqlx::{Error, Row as _};
use uuid::Uuid;

use crate::bell::Bell;
use crate::claim::Claims;
use crate::codes::{bounded, index, millis};
use crate::error;
use crate::hub;
use crate::lane::Job;
use crate::queue::{BatchMax, Queue, Weighted};
use crate::read::{Reply, decoded};
use crate::schema::Statement;
use crate::session::Session;
use crate::setup::Setup;

type Answers<T> = Vec<Result<T, ProviderError>>;

/// Something that is done about leases.
pub(crate) enum LeaseJob {
    ClaimTurns(ClaimTurns, Reply<Claimed<Turn>>),
    ClaimActivities(ClaimActivities, Reply<Claimed<ClaimedActivity>>),
    Renew(Vec<Renew>, Duration, Reply<Answers<Renewal>>),
    Release(Vec<Release>, Reply<Answers<()>>),
}

impl Weighted for LeaseJob {
    fn parts(&self) -> usize {
        1
    }

    fn bytes(&self) -> usize {
        let details = |it: &Option<Bytes>| it.as_ref().map_or(0, Bytes::len);
        match self {
            Self::ClaimTurns(..) | Self::ClaimActivities(..) => 0,
            Self::Renew(renewals, ..) => renewals.iter().map(|it| details(&it.details)).sum(),
            Self::Release(releases, _) => releases.iter().map(|it| details(&it.details)).sum(),
        }
    }
}

impl Job for LeaseJob {
    const BATCH_MAX: BatchMax = BatchMax {
        parts: 64,
        bytes: usize::MAX,
    };

    fn queue(setup: &Setup) -> &Queue<Self> {
        &setup.leases
    }

    /// In the order in which they came, but for claims: one of each kind goes out together, as a node
    /// asks for both at once.
    async fn serve(jobs: Vec<Self>, session: &mut Session) {
        let mut claims = Claims::default();
        let mut jobs = jobs;
        for look in 0..=LOOKS_FOR_PARTNER {
            for job in jobs {
                job.begin(&mut claims, session).await;
            }
            if look == LOOKS_FOR_PARTNER || !claims.lacks_one() {
                break;
            }
            // Whoever brought the first claim may have been put off its processor by this very thread.
            std::thread::yield_now();
            jobs = session.setup.leases.take_now(Self::BATCH_MAX);
        }
        if !claims.is_empty() {
            claims.serve(session).await;
        }
    }
}

/// How often is looked whether the other claim of a pair is on its way: it comes within microseconds,
/// once its thread gets on.
const LOOKS_FOR_PARTNER: u32 = 5;

impl LeaseJob {
    /// Does it, or joins it to the claims that go out together.
    async fn begin(self, claims: &mut Claims, session: &mut Session) {
        match self {
            // A claim whose answer nobody would receive is not begun.
            Self::ClaimTurns(_, reply) if reply.is_closed() => {}
            Self::ClaimActivities(_, reply) if reply.is_closed() => {}
            Self::ClaimTurns(request, reply) => {
                if claims.turns.is_some() {
                    std::mem::take(claims).serve(session).await;
                }
                claims.turns = Some((request, reply));
            }
            Self::ClaimActivities(request, reply) => {
                if claims.activities.is_some() {
                    std::mem::take(claims).serve(session).await;
                }
                claims.activities = Some((request, reply));
            }
            Self::Renew(leases, extend_by, reply) => {
                reply.send(renew(session, &leases, extend_by).await).ok();
            }
            Self::Release(releases, reply) => {
                reply.send(release(session, &releases).await).ok();
            }
        }
    }
}

/// Leases as columns, those of each kind together. A lease that is named twice is there once.
#[derive(Default)]
struct Columns<'a> {
    turn_ids: Vec<&'a str>,
    turn_tokens: Vec<Uuid>,
    activity_ids: Vec<&'a str>,
    incarnations: Vec<Uuid>,
    executions: Vec<i64>,
    activities: Vec<i64>,
    activity_tokens: Vec<Uuid>,
    /// Which lease of the call each one is.
    turn_places: Vec<usize>,
    activity_places: Vec<usize>,
}

impl<'a> Columns<'a> {
    fn of(leases: impl IntoIterator<Item = &'a Lease>) -> Self {
        let mut columns = Self::default();
        for (place, lease) in leases.into_iter().enumerate() {
            match lease {
                Lease::Turn(lease) if !columns.turn_tokens.contains(&lease.token.0) => {
                    columns.turn_places.push(place);
                    columns.turn_ids.push(lease.instance.as_str());
                    columns.turn_tokens.push(lease.token.0);
                }
                Lease::Activity(lease) if !columns.activity_tokens.contains(&lease.token.0) => {
                    columns.activity_places.push(place);
                    columns.activity_ids.push(lease.key.instance.as_str());
                    columns.incarnations.push(lease.key.incarnation.0);
                    columns.executions.push(bounded(lease.key.execution));
                    columns.activities.push(bounded(lease.key.activity_id));
                    columns.activity_tokens.push(lease.token.0);
                }
                // A token tells a lease from all others; this one was there before.
                Lease::Turn(_) | Lease::Activity(_) => {}
            }
        }
        columns
    }

    /// The lease of the call that a row of the answer is about.
    fn place(&self, kind: i16, place: i32) -> Option<usize> {
        let places = if kind == 1 {
            &self.turn_places
        } else {
            &self.activity_places
        };
        places.get(index(i64::from(place))?).copied()
    }
}

/// Those that bring something are renewed by a call of their own, behind the others.
async fn renew(
    session: &mut Session,
    renewals: &[Renew],
    extend_by: Duration,
) -> Result<Answers<Renewal>, ProviderError> {
    let brings = |renew: &&Renew| renew.details.is_some();
    if !renewals.iter().any(|renew| brings(&renew)) {
        let leases: Vec<&Lease> = renewals.iter().map(|it| &it.lease).collect();
        return renew_plainly(session, &leases, extend_by).await;
    }
    let plain: Vec<&Lease> = renewals
        .iter()
        .filter(|it| !brings(it))
        .map(|it| &it.lease)
        .collect();
    let mut plain = if plain.is_empty() {
        Vec::new().into_iter()
    } else {
        renew_plainly(session, &plain, extend_by).await?.into_iter()
    };
    // What the others have got is not undone by an error from here on.
    let count = renewals.iter().filter(brings).count();
    let bringing = renew_with_details(session, renewals, extend_by).await;
    let bringing = bringing.unwrap_or_else(|error| error::for_each(error, count));
    let mut bringing = bringing.into_iter();
    let answers = renewals.iter().map(|it| match it.details {
        None => plain.next(),
        Some(_) => bringing.next(),
    });
    Ok(answers.flatten().collect())
}

/// Renews those that bring details. What is brought twice for one lease is kept as it was brought last.
async fn renew_with_details(
    session: &mut Session,
    renewals: &[Renew],
    extend_by: Duration,
) -> Result<Answers<Renewal>, ProviderError> {
    let setup = Arc::clone(&session.setup);
    let bringing: Vec<&Renew> = renewals.iter().filter(|it| it.details.is_some()).collect();
    let last_first: Vec<&Renew> = bringing.iter().rev().copied().collect();
    let columns = Columns::of(last_first.iter().map(|it| &it.lease));
    let details: Vec<&[u8]> = columns
        .activity_places
        .iter()
        .filter_map(|place| last_first.get(*place)?.details.as_deref())
        .collect();
    let statement = || -> Statement<'_> {
        let call = setup.functions.renew_with_details.call();
        call.bind(millis(extend_by))
            .bind(columns.activity_ids.clone())
            .bind(columns.incarnations.clone())
            .bind(columns.executions.clone())
            .bind(columns.activities.clone())
            .bind(columns.activity_tokens.clone())
            .bind(details.clone())
    };
    let rows = session.fetch_again(statement).await;
    decoded("renew", rows, |rows| {
        let mut renewed: Vec<&Lease> = Vec::new();
        for row in rows {
            let place = columns.place(row.try_get("kind")?, row.try_get("place")?);
            let renew = place.and_then(|place| last_first.get(place));
            renewed.extend(renew.map(|it| &it.lease));
        }
        let answer = |renew: &&Renew| {
            if renewed.contains(&&renew.lease) {
                Renewal::Renewed
            } else {
                Renewal::Lost
            }
        };
        Ok(bringing.iter().map(answer).map(Ok).collect())
    })
}

async fn renew_plainly(
    session: &mut Session,
    leases: &[&Lease],
    extend_by: Duration,
) -> Result<Answers<Renewal>, ProviderError> {
    let setup = Arc::clone(&session.setup);
    let columns = Columns::of(leases.iter().copied());
    let statement = || -> Statement<'_> {
        let call = setup.functions.renew.call().bind(millis(extend_by));
        call.bind(columns.turn_ids.clone())
            .bind(columns.turn_tokens.clone())
            .bind(columns.activity_ids.clone())
            .bind(columns.incarnations.clone())
            .bind(columns.executions.clone())
            .bind(columns.activities.clone())
            .bind(columns.activity_tokens.clone())
    };
    let rows = session.fetch_again(statement).await;
    decoded("renew", rows, |rows| {
        let mut answers: Vec<Renewal> = leases.iter().map(|_| Renewal::Lost).collect();
        for row in rows {
            let place = columns.place(row.try_get("kind")?, row.try_get("place")?);
            if let Some(answer) = place.and_then(|place| answers.get_mut(place)) {
                *answer = Renewal::Renewed;
            }
        }
        let first_of = |lease: &&Lease| leases.iter().position(|other| other == lease);
        let firsts: Vec<usize> = leases.iter().filter_map(first_of).collect();
        let answer = |first: usize| answers.get(first).copied().unwrap_or(Renewal::Lost);
        Ok(firsts.into_iter().map(answer).map(Ok).collect())
    })
}

async fn release(
    session: &mut Session,
    releases: &[Release],
) -> Result<Answers<()>, ProviderError> {
    let setup = Arc::clone(&session.setup);
    let columns = Columns::of(releases.iter().map(|release| &release.lease));
    let delays = |places: &[usize]| -> Vec<i64> {
        let chosen = places.iter().filter_map(|place| releases.get(*place));
        chosen.map(|release| millis(release.delay)).collect()
    };
    let attempts_back = |places: &[usize]| -> Vec<i32> {
        let chosen = places.iter().filter_map(|place| releases.get(*place));
        chosen
            .map(|release| i32::try_from(release.attempts.taken_back()).unwrap_or(i32::MAX))
            .collect()
    };
    let details = |places: &[usize]| -> Option<Vec<Option<&[u8]>>> {
        let chosen = places.iter().filter_map(|place| releases.get(*place));
        let details: Vec<_> = chosen.map(|release| release.details.as_deref()).collect();
        details.iter().any(Option::is_some).then_some(details)
    };
    let statement = setup
        .functions
        .release
        .call()
        .bind(setup.node)
        .bind(columns.turn_ids.clone())
        .bind(columns.turn_tokens.clone())
        .bind(delays(&columns.turn_places))
        .bind(attempts_back(&columns.turn_places))
        .bind(details(&columns.turn_places))
        .bind(columns.activity_ids.clone())
        .bind(columns.incarnations.clone())
        .bind(columns.executions.clone())
        .bind(columns.activities.clone())
        .bind(columns.activity_tokens.clone())
        .bind(delays(&columns.activity_places))
        .bind(attempts_back(&columns.activity_places))
        .bind(details(&columns.activity_places));
    let since = setup.hub.since();
    let rows = session.fetch(statement).await;
    decoded("release", rows, |rows| {
        let mut is_released = vec![false; releases.len()];
        let mut bell = Bell::default();
        let mut has_peers = false;
        for row in rows {
            let (kind, place): (i16, i32) = (row.try_get("kind")?, row.try_get("place")?);
            let due_ms: Option<i64> = row.try_get("due")?;
            match kind {
                0 => has_peers = row.try_get("has_peers")?,
                1 => {
                    let name: Arc<str> = row.try_get::<&str, _>("queue")?.into();
                    bell.turns |= !setup.hub.takes_turns(&name);
                    // Without a message there is nothing to claim.
                    if let Some(due_ms) = due_ms {
                        setup.hub.raise(&hub::Queue::Turns(name), due_ms, since);
                    }
                }
                _ => {
                    bell.activities = true;
                    let name: &str = row.try_get("queue")?;
                    let queue = hub::Queue::Activities(name.into());
                    setup
                        .hub
                        .raise(&queue, due_ms.unwrap_or(hub::NEVER_MS), since);
                }
            }
            let place = columns.place(kind, place).filter(|_| kind > 0);
            if let Some(it) = place.and_then(|place| is_released.get_mut(place)) {
                *it = true;
            }
        }
        setup.hub.tell(has_peers, bell);
        let answers = releases.iter().zip(is_released);
        Ok::<_, Error>(answers.map(|(it, done)| answer(it, done)).collect())
    })
}

fn answer(release: &Release, is_done: bool) -> Result<(), ProviderError> {
    match &release.lease {
        _ if is_done => Ok(()),
        Lease::Turn(lease) => Err(error::turn_lease_lost("release", &lease.instance)),
        Lease::Activity(lease) => Err(error::activity_lease_lost("release", &lease.key)),
    }
}
