//! Renewals and releases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{InstanceId, Lease, ProviderError, Release, Renew, Renewal, check};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::activity::id_of;
use crate::codes::{ActivityId, Id, millis};
use crate::error;
use crate::hub::{By, News};
use crate::lane::Lane;
use crate::partition::{Partition, in_places};
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

fn instance_of(lease: &Lease) -> &InstanceId {
    match lease {
        Lease::Turn(lease) => &lease.instance,
        Lease::Activity(lease) => &lease.key.instance,
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
        let accepted = refusals.accepted(leases);
        let partitions = &self.setup.partitions;
        let groups = partitions.group(accepted, |it: &&Renew| instance_of(&it.lease).clone());
        let each = groups.into_iter().map(|group| async move {
            let renewed = group.items.iter().map(|renew| RenewRequest {
                lease: LeaseRequest::of(&renew.lease),
                details: renew.details.as_ref(),
            });
            let request = Request {
                node: self.setup.node,
                bell: &group.partition.bell,
                extend: millis(extend_by),
                renewed: renewed.collect(),
                released: Vec::new(),
            };
            let held = self.call_leases("renew", group.partition, &request);
            (group.places, held.await)
        });
        let held = in_places(join_all(each).await);
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
        let partitions = &self.setup.partitions;
        let groups = partitions.group(&accepted, |it| instance_of(&it.lease).clone());
        let each = groups.into_iter().map(|group| async move {
            let released = group.items.iter().map(|release| ReleaseRequest {
                lease: LeaseRequest::of(&release.lease),
                delay: millis(release.delay),
                taken_back: release.attempts.taken_back(),
                details: release.details.as_ref(),
            });
            let request = Request {
                node: self.setup.node,
                bell: &group.partition.bell,
                extend: 0,
                renewed: Vec::new(),
                released: released.collect(),
            };
            let held = self.call_leases("release", group.partition, &request);
            (group.places, held.await)
        });
        let held = in_places(join_all(each).await);
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
        partition: &Partition,
        request: &Request<'_>,
    ) -> Vec<Result<bool, ProviderError>> {
        let count = request.renewed.len() + request.released.len();
        let call = self
            .setup
            .call(partition, Lane::Leases, Script::Leases, request);
        let answer: Answer = match call.await {
            Ok(answer) => answer,
            Err(failure) => return error::for_each(&failure, operation, false, count),
        };
        let news = News {
            sequence: answer.seq,
            turns: answer.turns,
            activities: answer.activities,
        };
        self.setup.hub.arrive(partition.index, &news, By::This);
        answer.answers.into_iter().map(Ok).collect()
    }
}
