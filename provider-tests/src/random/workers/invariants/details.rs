//! What is said of an activity's progress comes with its next claim.

use bytes::Bytes;
use duroxide_core::providers::{ActivityKey, ClaimedActivity, Lease, Renewal};

use crate::random::workers::facts::Facts;
use crate::random::workers::log::{Call, Entry, items};
use crate::random::workers::report::Finding;

/// A call that brings details of an activity, and was not refused.
struct Brought<'a> {
    entry: &'a Entry,
    key: &'a ActivityKey,
    details: &'a Bytes,
    /// It is not known whether it was carried out, nor when (CXL-03).
    is_open: bool,
}

/// A claim hands out the details that were brought last: those of an answered call behind which no other
/// one was answered before the claim began, or of one that nobody was answered; and none where none was
/// (DET-01 to DET-04).
pub(super) fn the_last_come_with_a_claim(facts: &Facts<'_>) -> Result<(), Finding> {
    let brought: Vec<Brought<'_>> = facts.entries.iter().filter_map(brought_by).collect();
    for entry in facts.entries {
        let Call::ClaimActivities { answer, .. } = &entry.call else {
            continue;
        };
        for claimed in items(answer) {
            if let Some(what) = contradiction(&brought, entry, claimed) {
                let sequence = entry.invoked.sequence;
                let text = format!("#{sequence} claims {} {what}", claimed.lease.key);
                return Err(Finding::of(&claimed.lease.key.instance, text).seen_by(entry));
            }
        }
    }
    Ok(())
}

fn contradiction(
    brought: &[Brought<'_>],
    claim: &Entry,
    claimed: &ClaimedActivity,
) -> Option<String> {
    let of_it = brought.iter().filter(|it| *it.key == claimed.lease.key);
    let mut certain = of_it.clone().filter(|it| it.entry.ended_before(claim));
    let text = |details: &Bytes| String::from_utf8_lossy(details).into_owned();
    let Some(details) = &claimed.details else {
        let lost = certain.next()?;
        return Some(format!("without {:?}", text(lost.details)));
    };
    let mut sources = of_it.filter(|it| it.details == details && !claim.ended_before(it.entry));
    let Some(source) = sources.next() else {
        return Some(format!("with {:?}, which nobody brought", text(details)));
    };
    let newer = certain.find(|it| source.entry.ended_before(it.entry));
    let newer = newer.filter(|_| !source.is_open)?;
    Some(format!(
        "with {:?}, and {:?} came later",
        text(details),
        text(newer.details)
    ))
}

fn brought_by(entry: &Entry) -> Option<Brought<'_>> {
    let (lease, details, is_open) = match &entry.call {
        Call::Renew { renew, answer, .. } => {
            let is_open = match answer {
                None => true,
                Some(Ok(Renewal::Renewed)) => false,
                Some(Ok(Renewal::Lost) | Err(_)) => return None,
            };
            (&renew.lease, &renew.details, is_open)
        }
        Call::Release { release, answer } => {
            let is_open = match answer {
                None => true,
                Some(Ok(())) => false,
                Some(Err(_)) => return None,
            };
            (&release.lease, &release.details, is_open)
        }
        _ => return None,
    };
    let Lease::Activity(lease) = lease else {
        return None;
    };
    Some(Brought {
        entry,
        key: &lease.key,
        details: details.as_ref()?,
        is_open,
    })
}
