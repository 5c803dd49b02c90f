//! Renewals and releases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{Lease, ProviderError, Release, Renew, Renewal, check};
use serde::{Deserialize, Serialize};

use crate::activity::id_of;
use crate::codes::{ActivityId, Id, millis};
use crate::error;
use crate::hub::{By, News};
use crate::lane::Lane;
use crate::provider::RedisProvider;
use crate::script::Script;

#[derive(Serialize)]
struct Request<'a> {
    node: Id,
    bell: &'a str,
    extend: u64,
    renewed: Vec<RenewRequest<'a>>,
    released: Vec<ReleaseRequest<'a>>,
}

#[derive(Serialize)]
struct LeaseRequest<'a> {
    instance: &'a str,
    life: Option<Id>,
    /// Of an activity.
    key: Option<ActivityId>,
    token: Id,
}

impl<'a> LeaseRequest<'a> {
    fn of(lease: &'a Lease) -> Self {
        match lease {
            Lease::Turn(lease) => Self {
                instance: lease.instance.as_str(),
                life: None,
                key: None,
                token: Id(lease.token.0),
            },
            Lease::Activity(lease) => Self {
                instance: lease.key.instance.as_str(),
                life: Some(Id(lease.key.incarnation.0)),
                key: Some(id_of(&lease.key)),
                token: Id(lease.token.0),
            },
        }
    }
}

#[derive(Serialize)]
struct RenewRequest<'a> {
    lease: LeaseRequest<'a>,
    details: Option<&'a Bytes>,
}

#[derive(Serialize)]
struct ReleaseRequest<'a> {
    lease: LeaseRequest<'a>,
    delay: u64,
    taken_back: u32,
    details: Option<&'a Bytes>,
}

#[derive(Deserialize)]
struct Answer {
    seq: u64,
    /// Whether each lease was held.
    answers: Vec<bool>,
    turns: Vec<(Arc<str>, u64)>,
    activities: Vec<(Arc<str>, u64)>,
}

impl RedisProvider {
    pub(crate) async fn renew_each(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let refusals = check::renewals(leases);
        let accepted: Vec<&Renew> = refusals.accepted(leases).collect();
        let renewed = accepted.iter().map(|renew| RenewRequest {
            lease: LeaseRequest::of(&renew.lease),
            details: renew.details.as_ref(),
        });
        let request = Request {
            node: self.setup.node,
            bell: &self.setup.bell,
            extend: millis(extend_by),
            renewed: renewed.collect(),
            released: Vec::new(),
        };
        let held = self.call_leases("renew", &request, accepted.len()).await;
        let answers = held.into_iter().map(|held| {
            held.map(|held| {
                if held {
                    Renewal::Renewed
                } else {
                    Renewal::Lost
                }
            })
        });
        refusals.answers(answers.collect())
    }

    pub(crate) async fn release_each(
        &self,
        releases: &[Release],
    ) -> Vec<Result<(), ProviderError>> {
        let refusals = check::releases(releases);
        let accepted: Vec<&Release> = refusals.accepted(releases).collect();
        let released = accepted.iter().map(|release| ReleaseRequest {
            lease: LeaseRequest::of(&release.lease),
            delay: millis(release.delay),
            taken_back: release.attempts.taken_back(),
            details: release.details.as_ref(),
        });
        let request = Request {
            node: self.setup.node,
            bell: &self.setup.bell,
            extend: 0,
            renewed: Vec::new(),
            released: released.collect(),
        };
        let held = self.call_leases("release", &request, accepted.len()).await;
        let answers = held.into_iter().zip(accepted).map(|(held, release)| {
            if held? {
                return Ok(());
            }
            Err(match &release.lease {
                Lease::Turn(lease) => error::turn_lease_lost("release", &lease.instance),
                Lease::Activity(lease) => error::activity_lease_lost("release", &lease.key),
            })
        });
        let answers = answers.collect();
        refusals.answers(answers)
    }

    /// Whether each of the leases was held.
    async fn call_leases(
        &self,
        operation: &'static str,
        request: &Request<'_>,
        count: usize,
    ) -> Vec<Result<bool, ProviderError>> {
        if count == 0 {
            return Vec::new();
        }
        let answer = self.setup.call(Lane::Leases, Script::Leases, request).await;
        let answer: Answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return error::for_each(&failure, operation, false, count),
        };
        let news = News {
            sequence: answer.seq,
            turns: answer.turns,
            activities: answer.activities,
        };
        self.setup.hub.arrive(&news, By::This);
        answer.answers.into_iter().map(Ok).collect()
    }
}
