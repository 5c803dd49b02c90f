//! The rights that a role needs to work with a store that somebody else has made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
mod support_opening;

use std::time::Duration;

use duroxide_core::providers::{
    Commit, DeleteMode, ErrorKind, Inspect, InstanceFilter, Labels, Lease, ListActivities,
    NewInstance, NewValue, Provider, ProviderAdmin, ProviderError, ReadHistory, ReadValues,
    Recipient, Release, ReleasedAttempts, TaskQueue, Until, ValueUpdate, Watch,
};
use duroxide_postgres::{Listen, Migrations, PostgresOptions, PostgresProvider};
use sqlx::AssertSqlSafe;

use operations::{
    LEASE, activities, activity, apply, claim_activity, claim_turn, commit_of, end_of, id, mail,
    next_of, outcome, reading, send, start, turns,
};
use support_opening::{Place, Role, execute, value};

fn verify(place: &Place) -> PostgresOptions {
    place.options().migrations(Migrations::Verify)
}

/// The SQL that the documentation shows under "Rights".
fn documented_grants(place: &Place, role: &Role) -> String {
    let documentation = include_str!("../docs.md");
    let (_, rights) = documentation.split_once("## Rights").unwrap();
    let (_, block) = rights.split_once("```sql\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains(" app;") && block.contains("duroxide."));
    block
        .replace("duroxide.", &format!("{}.", place.quoted()))
        .replace("SCHEMA duroxide", &format!("SCHEMA {}", place.quoted()))
        .replace(" app;", &format!(" {};", role.name))
}

/// A value that is set, for this time.
fn expiring(key: &str, expires_after: Option<Duration>) -> ValueUpdate {
    ValueUpdate {
        key: key.into(),
        value: Some(NewValue {
            value: "value".into(),
            expires_after,
        }),
    }
}

/// A start of an instance with a label.
fn labelled_start(instance: &str) -> Commit {
    let mut envelope = operations::envelope(instance);
    envelope.recipient = Recipient::NewInstance(NewInstance {
        labels: Labels::from([("key".to_owned(), "value".to_owned())]),
        ..NewInstance::new(id(instance), "Order")
    });
    Commit::Send(envelope)
}

/// Asks for everything that there is to ask, with an answer for each.
async fn everything(provider: &PostgresProvider) -> Result<(), ProviderError> {
    let instance = id("all");
    let ask = |operation| async move { provider.commit(vec![operation]).await.remove(0) };
    ask(labelled_start("all")).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    let lease = Lease::Turn(turn.lease.clone());
    provider.renew(&[lease.into()], LEASE * 2).await.remove(0)?;
    let given_back = |lease| Release::new(lease, Duration::ZERO, ReleasedAttempts::TakeBack);
    let release = given_back(Lease::Turn(turn.lease)).with_details(Some("why".into()));
    provider.release(vec![release]).await.remove(0)?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    ask(Commit::Turn(commit_of(&turn, vec![activity(1)]))).await?;
    let claimed = provider.claim_activities(&activities(1)).await?;
    let lease = Lease::Activity(claimed.items[0].lease.clone());
    provider
        .renew(&[lease.clone().into()], LEASE * 2)
        .await
        .remove(0)?;
    provider.release(vec![given_back(lease)]).await.remove(0)?;
    let claimed = provider.claim_activities(&activities(1)).await?;
    ask(outcome(&claimed.items[0])).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    let mut next = next_of(&turn);
    next.values = vec![expiring("set", Some(Duration::ZERO))];
    ask(Commit::Turn(next)).await?;
    ask(Commit::Send(mail("all", "t"))).await?;
    let page = provider.read_mail(&reading(&turn.head, "t")).await?;
    ask(send("all")).await?;
    let turn = provider.claim_turns(&turns(1)).await?.items.remove(0);
    assert_eq!(provider.prune_executions(&instance, 1).await?, 1);
    let mut end = end_of(&turn);
    end.consumed
        .extend(page.mail.iter().map(|mail| mail.message.id));
    ask(Commit::Turn(end)).await?;
    let request = ReadValues::named(instance.clone(), vec!["set".into()]);
    assert!(provider.read_values(&request).await?.is_empty());
    let watched = [Watch {
        instance: instance.clone(),
        until: Until::ValueOtherThan {
            key: "set".into(),
            version: None,
        },
    }];
    let changed = provider.wait_for_change(&watched, Duration::ZERO).await?;
    assert!(changed.is_empty());
    let request = ReadHistory {
        instance: instance.clone(),
        execution: 2,
        from_event_id: 1,
        bytes_max: 1024,
    };
    assert_eq!(provider.read_history(&request).await?.chunks.len(), 2);
    assert!(provider.read_head(&instance).await?.is_some());
    let listed = provider.list_instances(&InstanceFilter::default()).await?;
    assert_eq!(listed.instances.len(), 1);
    assert_eq!(provider.list_executions("all").await?, [2]);
    assert_eq!(provider.metrics().await?.totals.total_instances, 1);
    let inspected = provider.inspect(&Inspect::new(instance.clone())).await?;
    assert!(inspected.is_some());
    let activities = ListActivities::new(TaskQueue::default());
    assert!(
        provider
            .list_activities(&activities)
            .await?
            .activities
            .is_empty()
    );
    assert_eq!(provider.stats().await?.tables.len(), 9);
    provider
        .delete_instance(&instance, DeleteMode::TerminalOnly)
        .await?;
    let kept = provider.maintain(Duration::from_secs(10)).await?;
    assert_ne!(kept, Some(Duration::ZERO));
    Ok(())
}

/// One right, taken from a line of the documentation.
fn single_rights(grants: &str) -> Vec<String> {
    let mut rights = Vec::new();
    for grant in grants
        .lines()
        .filter_map(|line| line.strip_prefix("GRANT "))
    {
        let (privileges, rest) = grant.split_once(" ON ").unwrap();
        let (objects, _) = rest.split_once(" TO ").unwrap();
        for privilege in privileges.split(", ") {
            for object in objects.split(", ") {
                rights.push(format!("{privilege} ON {object}"));
            }
        }
    }
    rights
}

/// The heartbeats, whose failure nobody sees at once.
async fn beat(place: &Place, role: &Role) -> Result<(), sqlx::Error> {
    let mut connection = support_opening::connect(&role.url).await;
    let schema = place.quoted();
    for call in [
        format!("SELECT {schema}.poll_v1(gen_random_uuid(), '{{}}', '{{}}', 1000, 'c', 'b')"),
        format!("SELECT {schema}.leave_v1(gen_random_uuid())"),
    ] {
        sqlx::query(AssertSqlSafe(call))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

async fn asked_by(place: &Place, role: &Role) -> Result<(), ProviderError> {
    // By a connection of its own in any case, so that this is all that is asked.
    let options = verify(place).listen(Listen::Never);
    let provider = PostgresProvider::new(&role.url, Some(options)).await?;
    let asked = everything(&provider).await;
    provider.close().await;
    asked
}

/// A schema that its owner made, and a role that has what the documentation says.
async fn granted(place: &Place, owner: &Role, role: &Role) -> String {
    let make = format!(
        "CREATE SCHEMA {} AUTHORIZATION {}",
        place.quoted(),
        owner.name
    );
    execute(&place.url, &make).await;
    let sql = PostgresProvider::migration_sql(&place.schema).unwrap();
    execute(&owner.url, &format!("BEGIN; {sql}; COMMIT;")).await;
    let everybody = format!(
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {} FROM PUBLIC",
        place.quoted()
    );
    execute(&owner.url, &everybody).await;
    let grants = documented_grants(place, role);
    execute(&owner.url, &grants).await;
    grants
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn the_documented_rights_are_enough() {
    let place = Place::new().await;
    let (owner, role) = (Role::new(&place.url).await, Role::new(&place.url).await);
    granted(&place, &owner, &role).await;
    asked_by(&place, &role).await.unwrap();
    beat(&place, &role).await.unwrap();
    // Two who work together: they find each other, and ring.
    let one = PostgresProvider::new(&role.url, Some(verify(&place)))
        .await
        .unwrap();
    let other = PostgresProvider::new(&role.url, Some(verify(&place)))
        .await
        .unwrap();
    apply(&one, start("a")).await;
    let turn = claim_turn(&other).await;
    apply(&other, Commit::Turn(commit_of(&turn, vec![activity(1)]))).await;
    apply(&one, outcome(&claim_activity(&one).await)).await;
    // It may work with what is there, and make nothing.
    let alter = format!(
        "SELECT has_schema_privilege('{}', '{}', 'CREATE')",
        role.name, place.schema
    );
    assert!(!value::<bool>(&place.url, &alter).await);
    one.close().await;
    other.close().await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn none_of_the_documented_rights_can_be_left_out() {
    let place = Place::new().await;
    let (owner, role) = (Role::new(&place.url).await, Role::new(&place.url).await);
    let grants = granted(&place, &owner, &role).await;
    let rights = single_rights(&grants);
    assert_eq!(rights.len(), 1 + 1 + 9 * 4 + 3 * 3 + 1 + 1);
    let tables = [
        "instance",
        "ready",
        "activity",
        "execution",
        "removal",
        "inbox",
        "topic",
        "value",
        "note",
        "label",
        "history",
    ];
    let tables = tables
        .map(|table| format!("{}.{table}", place.quoted()))
        .join(", ");
    for right in rights {
        execute(&owner.url, &format!("REVOKE {right} FROM {}", role.name)).await;
        match asked_by(&place, &role).await {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Config, "{right}: {error:?}");
                assert!(
                    error.message().contains("lacks a right"),
                    "{right}: {error}"
                );
            }
            Ok(()) => {
                let beaten = beat(&place, &role).await;
                assert!(beaten.is_err(), "{right} can be left out");
            }
        }
        execute(&owner.url, &format!("GRANT {right} TO {}", role.name)).await;
        execute(&owner.url, &format!("TRUNCATE {tables}")).await;
    }
    asked_by(&place, &role).await.unwrap();
}
