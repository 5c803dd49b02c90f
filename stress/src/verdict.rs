//! Whether everything was done, and done once.

use std::time::Duration;

use duroxide_core::Client;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_provider_tests::check_history;

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::load::Loaded;
use crate::workload::Tally;

/// How long an instance may take to be seen as ended that a client has seen end.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// How many failures are told.
const TOLD_MAX: usize = 3;

/// What is wrong with a run, whatever its speed; nothing if this is empty. `before` is what was in the store before the
/// load.
pub(crate) async fn judge(
    deployment: &Deployment,
    (before, loaded): (Tally, &Loaded),
    may_repeat: bool,
) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    if loaded.measured.operations == 0 {
        wrong.push("nothing ended while it was measured; choose a longer --duration".to_owned());
    }
    if loaded.failed > 0 {
        let told = loaded.failures.iter().take(TOLD_MAX);
        let told: Vec<&str> = told.map(|it| &**it).collect();
        wrong.push(format!(
            "{} of {} operations failed; the first: {}",
            loaded.failed,
            loaded.begun,
            told.join("; ")
        ));
    }
    let mut expected = before;
    expected += loaded.tally;
    wrong.extend(activities(
        deployment,
        expected.activities,
        may_repeat || loaded.failed > 0,
    )?);
    if loaded.failed == 0 {
        wrong.extend(left_behind(&deployment.client, expected).await?);
    }
    wrong.extend(histories(&deployment.client, &loaded.seen).await?);
    Ok(wrong)
}

/// Whether as many activities ran as must have. One whose process is killed may run again.
fn activities(
    deployment: &Deployment,
    expected: u64,
    may_repeat: bool,
) -> Result<Option<String>, Failure> {
    let ran = deployment.ran.count();
    let ran = ran.map_err(Failure::machine("the activities cannot be counted"))?;
    let what = match () {
        () if ran < expected => "some were lost",
        () if ran > expected && !may_repeat => "some ran again",
        () => return Ok(None),
    };
    Ok(Some(format!(
        "{ran} activities ran, and {expected} must have: {what}"
    )))
}

/// What the store says of its instances, once all of them must be as they should.
async fn left_behind(client: &Client, expected: Tally) -> Result<Option<String>, Failure> {
    let deadline = SystemClock.elapsed() + SETTLES_WITHIN;
    loop {
        let found = client.get_system_metrics().await?;
        if found.completed_instances == expected.completed
            && found.total_instances == expected.completed + expected.waiting
        {
            return Ok(None);
        }
        if SystemClock.elapsed() > deadline {
            return Ok(Some(format!(
                "the store has {} instances, of which {} completed, {} run and {} failed; {} must have completed, \
                 and {} run",
                found.total_instances,
                found.completed_instances,
                found.running_instances,
                found.failed_instances,
                expected.completed,
                expected.waiting
            )));
        }
        SystemClock.sleep(LOOK).await;
    }
}

/// What is wrong with the histories of these instances, of the first few that are.
async fn histories(client: &Client, ids: &[String]) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    for id in ids {
        let executions = client.list_executions(id).await?;
        for execution in executions {
            let history = client.read_execution_history(id, execution).await?;
            if let Err(what) = check_history(&history) {
                wrong.push(format!("{id}, execution {execution}: {what}"));
            }
        }
        if wrong.len() >= TOLD_MAX {
            break;
        }
    }
    Ok(wrong)
}
