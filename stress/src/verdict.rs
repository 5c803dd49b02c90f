//! Whether everything was done, and done once.

use std::time::Duration;

use duroxide_core::Client;
use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_provider_tests::check_history;

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::load::Loaded;
use crate::workload::{Ran, Tally};

/// How long an instance may take to be seen as ended that a client has seen end.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// How many failures are told.
const TOLD_MAX: usize = 3;

/// What is wrong with a run, whatever its speed; nothing if this is empty. `before` is what was in the store before the
/// load, and so many activities may have run again. It ends what works on the store, so that nothing is counted too early.
pub(crate) async fn judge(
    deployment: &mut Deployment,
    (before, loaded): (Tally, &Loaded),
    repeats_max: u64,
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
    if loaded.failed == 0 {
        wrong.extend(left_behind(&deployment.client, expected).await?);
    }
    let ended = deployment.end_workers().await;
    wrong.extend(ended.err().map(|it| it.to_string()));
    // Of operations that failed nobody knows how far they came.
    let most = (loaded.failed == 0).then_some(expected.activities + repeats_max);
    wrong.extend(activities(&deployment.ran, expected.activities, most)?);
    wrong.extend(histories(&deployment.client, &loaded.seen).await?);
    Ok(wrong)
}

/// Whether as many activities ran as must have, and no more than may have.
fn activities(ran: &Ran, least: u64, most: Option<u64>) -> Result<Option<String>, Failure> {
    let ran = ran.count();
    let ran = ran.map_err(Failure::machine("the activities cannot be counted"))?;
    let what = match most {
        _ if ran < least => "some were lost",
        Some(most) if ran > most => "some ran again",
        _ => return Ok(None),
    };
    Ok(Some(format!(
        "{ran} activities ran, and {least} must have: {what}"
    )))
}

/// What the store says of its instances and queues, once all of them must be as they should.
async fn left_behind(client: &Client, expected: Tally) -> Result<Option<String>, Failure> {
    let deadline = SystemClock.elapsed() + SETTLES_WITHIN;
    loop {
        let found = client.get_system_metrics().await?;
        let depths = client.get_queue_depths().await?;
        let are_there = found.completed_instances == expected.completed
            && found.total_instances == expected.completed + expected.waiting;
        let is_at_rest = depths.worker_queue == 0 && depths.orchestrator_queue == 0;
        if are_there && is_at_rest {
            return Ok(None);
        }
        if SystemClock.elapsed() > deadline {
            return Ok(Some(format!(
                "the store has {} instances, of which {} completed, {} run and {} failed; {} must have completed, and {} \
                 run. {} messages and {} activities are in its queues, and none must be",
                found.total_instances,
                found.completed_instances,
                found.running_instances,
                found.failed_instances,
                expected.completed,
                expected.waiting,
                depths.orchestrator_queue,
                depths.worker_queue
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_that_are_lost_or_run_again_are_told() {
        let ran = Ran::here();
        (0..5).for_each(|_| ran.once());
        let said = |least, most| activities(&ran, least, most).unwrap();
        assert_eq!(said(5, Some(5)), None);
        assert_eq!(said(4, Some(6)), None);
        assert_eq!(said(4, None), None);
        assert!(said(6, None).unwrap().contains("lost"));
        assert!(said(4, Some(4)).unwrap().contains("again"));
    }
}
