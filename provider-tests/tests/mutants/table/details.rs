//! Faults of details, of notes and of the bytes of a claim.

use duroxide_core::limits::ACTIVITY_DETAILS_BYTES_MAX;
use duroxide_core::providers::Lease;
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;

pub(crate) const DETAILS: &[Mutant] = &[
    Mutant::outside(
        "bytes_of_a_claim_of_turns_are_ignored",
        &["CLM-13"],
        "A claim returns all turns, however long their messages are.",
        Rewrite::AskTurns(|request| request.total_bytes_max = usize::MAX),
    ),
    Mutant::outside(
        "bytes_of_a_claim_of_activities_are_ignored",
        &["CLM-13"],
        "A claim returns all activities, however long their bodies are.",
        Rewrite::AskActivities(|request| request.total_bytes_max = usize::MAX),
    ),
    Mutant::inside(
        "what_is_left_for_its_bytes_is_leased",
        &["CLM-13", "ATT-01"],
        "A claim leases what it leaves behind, and counts its attempt.",
        &[Defect::ClaimTakesWhatIsLeft],
    ),
    Mutant::inside(
        "short_turns_overtake_long_ones",
        &["CLM-13"],
        "A claim goes on behind the first turn that does not fit.",
        &[Defect::ClaimSkipsWhatIsLong],
    ),
    Mutant::outside(
        "renewals_bring_no_details",
        &["DET-01"],
        "The details of a renewal are lost.",
        Rewrite::AskRenewals(|renewals| {
            for renew in renewals {
                renew.details = None;
            }
        }),
    ),
    Mutant::outside(
        "releases_bring_no_details",
        &["DET-01"],
        "The details of a release are lost.",
        Rewrite::AskRelease(|release| {
            if matches!(release.lease, Lease::Activity(_)) {
                release.details = None;
            }
        }),
    ),
    Mutant::outside(
        "details_are_cut_off",
        &["DET-01"],
        "Of long details the end is lost.",
        Rewrite::AskRenewals(|renewals| {
            for details in renewals.iter_mut().filter_map(|it| it.details.as_mut()) {
                details.truncate(ACTIVITY_DETAILS_BYTES_MAX - 1);
            }
        }),
    ),
    Mutant::outside(
        "details_of_no_length_are_none",
        &["DET-01"],
        "An activity with empty details is claimed without any.",
        Rewrite::Activities(|claimed| {
            for activity in &mut claimed.items {
                activity.details = activity.details.take().filter(|it| !it.is_empty());
            }
        }),
    ),
    Mutant::inside(
        "what_brings_nothing_takes_the_details",
        &["DET-01", "NOT-01"],
        "A plain renewal or release removes the details and the note.",
        &[Defect::DetailsAreTaken],
    ),
    Mutant::inside(
        "lost_leases_leave_details",
        &["DET-02"],
        "What a lost lease brings is kept.",
        &[Defect::LostLeasesLeaveDetails],
    ),
    Mutant::inside(
        "new_activities_inherit_details",
        &["DET-03"],
        "A new activity has the details of one before it.",
        &[Defect::DetailsAreInherited],
    ),
    Mutant::inside(
        "reopening_loses_details",
        &["DET-04"],
        "Details and notes are gone when the store is opened again.",
        &[Defect::ReopenForgetsDetails],
    ),
    Mutant::outside(
        "releases_leave_no_note",
        &["NOT-01"],
        "The note of a release is lost.",
        Rewrite::AskRelease(|release| {
            if matches!(release.lease, Lease::Turn(_)) {
                release.details = None;
            }
        }),
    ),
    Mutant::inside(
        "notes_outlive_commits",
        &["NOT-01"],
        "A note stays when the instance goes on.",
        &[Defect::NotesOutliveCommits],
    ),
    Mutant::inside(
        "claims_read_notes",
        &["NOT-02"],
        "A claimed head comes with its note.",
        &[Defect::ClaimsReadNotes],
    ),
    Mutant::inside(
        "lists_read_notes",
        &["NOT-02"],
        "A listed head comes with its note.",
        &[Defect::ListsReadNotes],
    ),
    Mutant::inside(
        "details_are_unlimited",
        &["LIM-06"],
        "Any number of bytes of details and notes is kept.",
        &[Defect::DetailsAreUnlimited],
    ),
    Mutant::outside(
        "too_many_details_are_dropped",
        &["LIM-06"],
        "A renewal with too many bytes of details is made without them.",
        Rewrite::AskRenewals(|renewals| {
            let too_many = |len: usize| len > ACTIVITY_DETAILS_BYTES_MAX;
            for renew in renewals {
                renew.details = renew.details.take().filter(|it| !too_many(it.len()));
            }
        }),
    ),
];
