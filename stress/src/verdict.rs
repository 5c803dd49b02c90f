//! Whether everything was done, and done once.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};

use crate::failure::Failure;
use crate::load::Loaded;
use crate::stage::Stage;
use crate::workload::Workload;

/// How long an instance may take to be seen as ended that a client has seen end.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// What is wrong with a run, whatever its speed; nothing if this is empty.
pub(crate) async fn judge(
    stage: &Stage,
    workload: &dyn Workload,
    loaded: &Loaded,
) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    if loaded.measured.operations == 0 {
        wrong.push("nothing ended while it was measured; choose a longer --duration".to_owned());
    }
    let (failed, first) = &loaded.failed;
    if *failed > 0 {
        wrong.push(format!(
            "{failed} of {} operations failed; the first: {}",
            loaded.begun,
            first.join("; ")
        ));
    }
    let done = loaded.begun - failed;
    let (ran, expected) = (stage.ran.count(), done * workload.activities());
    if ran < expected {
        wrong.push(format!(
            "{ran} activities ran, and {expected} must have: some were lost"
        ));
    }
    if *failed == 0 && ran > expected {
        wrong.push(format!(
            "{ran} activities ran, and {expected} must have: some ran again"
        ));
    }
    if *failed == 0 {
        wrong.extend(left_behind(stage, done * workload.instances()).await?);
    }
    Ok(wrong)
}

/// What the store says of its instances, once all of them must have completed.
async fn left_behind(stage: &Stage, instances: u64) -> Result<Option<String>, Failure> {
    if !stage.client.has_management_capability() {
        return Ok(None);
    }
    let deadline = SystemClock.elapsed() + SETTLES_WITHIN;
    loop {
        let found = stage.client.get_system_metrics().await?;
        if found.completed_instances == instances && found.total_instances == instances {
            return Ok(None);
        }
        if SystemClock.elapsed() > deadline {
            return Ok(Some(format!(
                "the store has {} instances, of which {} completed, {} run and {} failed; {instances} must have \
                 completed",
                found.total_instances,
                found.completed_instances,
                found.running_instances,
                found.failed_instances
            )));
        }
        SystemClock.sleep(LOOK).await;
    }
}
