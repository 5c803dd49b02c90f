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
    change: Change,
    extend: u64,
    members: Vec<Member<'a>>,
}

/// What becomes of leases.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Renew,
    Release,
    /// Their items are left as they were before they were claimed.
    Restore,
}

impl Change {
    fn operation(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Restore => "claim",
        }
    }
}

#[derive(Serialize)]
struct Member<'a> {
    lease: LeaseRequest<'a>,
    details: Option<&'a Bytes>,
    /// Of a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_back: Option<u32>,
    /// Until when the item was held before.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
}

impl<'a> Member<'a> {
    fn of(lease: &'a Lease) -> Self {
        Self {
            lease: LeaseRequest::of(lease),
            details: None,
            delay: None,
            taken_back: None,
            until_ms: None,
        }
    }
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

#[derive(Deserialize)]
struct Answer {
    now: u64,
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
        let members = refusals.accepted(leases).map(|renew| Member {
            details: renew.details.as_ref(),
            ..Member::of(&renew.lease)
        });
        let members = members.zip(refusals.accepted(leases).map(|it| &it.lease));
        let held = self
            .change(Change::Renew, extend_by, members.collect())
            .await;
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
        let members = accepted.iter().map(|release| {
            let member = Member {
                delay: Some(millis(release.delay)),
                taken_back: Some(release.attempts.taken_back()),
                details: release.details.as_ref(),
                ..Member::of(&release.lease)
            };
            (member, &release.lease)
        });
        let held = self
            .change(Change::Release, Duration::ZERO, members.collect())
            .await;
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

    /// Leaves items as they were before they were claimed; of each, until when it was held then.
    pub(crate) async fn restore_each(&self, leases: Vec<(Lease, u64)>) {
        let members = leases.iter().map(|(lease, until_ms)| {
            let member = Member {
                until_ms: Some(*until_ms),
                ..Member::of(lease)
            };
            (member, lease)
        });
        let restored = self
            .change(Change::Restore, Duration::ZERO, members.collect())
            .await;
        if let Some(error) = restored.into_iter().find_map(Result::err) {
            tracing::debug!(
                target: "duroxide::redis",
                %error,
                "items that were too long for a claim come back when their leases end"
            );
        }
    }

    /// Changes leases wherever they are, and answers of each whether it was held.
    async fn change(
        &self,
        change: Change,
        extend_by: Duration,
        members: Vec<(Member<'_>, &Lease)>,
    ) -> Vec<Result<bool, ProviderError>> {
        let partitions = &self.setup.partitions;
        let groups = partitions.group(members, |(_, lease)| instance_of(lease));
        let each = groups.into_iter().map(|group| async move {
            let members = group.items.into_iter().map(|(member, _)| member);
            let request = Request {
                node: self.setup.node,
                bell: &group.partition.bell,
                change,
                extend: millis(extend_by),
                members: members.collect(),
            };
            let answers = self.change_in(group.partition, &request).await;
            (group.places, answers)
        });
        in_places(join_all(each).await)
    }

    async fn change_in(
        &self,
        partition: &Partition,
        request: &Request<'_>,
    ) -> Vec<Result<bool, ProviderError>> {
        let call = self
            .setup
            .call(partition, Lane::Leases, Script::Leases, request);
        let answer: Answer = match self.setup.promptly(partition, call).await {
            Ok(answer) => answer,
            Err(failure) => {
                let operation = request.change.operation();
                return error::for_each(&failure, operation, false, request.members.len());
            }
        };
        let news = News {
            at_ms: answer.now,
            sequence: answer.seq,
            turns: answer.turns,
            activities: answer.activities,
        };
        self.setup.hub.arrive(partition.index, &news, By::This);
        answer.answers.into_iter().map(Ok).collect()
    }
}
