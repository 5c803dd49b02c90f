//! Faults of parents, labels, lists and looks.

use duroxide_core::limits::METRICS_QUEUES_MAX;
use duroxide_core::providers::{
    Channel, Commit, ErrorKind, Fence, InstanceFilter, Labels, NewInstance, PageCursor,
    ProviderError, QueueLoad, Recipient, Standing, ValueKeys,
};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::each_envelope;

/// Changes what a commit creates by its messages.
fn each_newborn(commit: &mut Commit, mut change: impl FnMut(&mut NewInstance)) {
    each_envelope(commit, |envelope| {
        if let Recipient::NewInstance(newborn) = &mut envelope.recipient {
            change(newborn);
        }
    });
}

/// Changes the labels that a turn creates its instance with.
fn each_creation(commit: &mut Commit, change: impl FnOnce(&mut Labels)) {
    if let Commit::Turn(turn) = commit
        && let Fence::Absent { labels, .. } = &mut turn.fence
    {
        change(labels);
    }
}

/// Names a queue beyond those that may be named.
fn one_more(queues: &mut Vec<QueueLoad>) {
    if queues.len() == METRICS_QUEUES_MAX {
        queues.push(QueueLoad::of("one more".into(), (1, 1), Some(1)));
    }
}

/// Leaves out the first queue where there are as many as may be named.
fn without_the_first(queues: &mut Vec<QueueLoad>) {
    if queues.len() == METRICS_QUEUES_MAX {
        queues.remove(0);
    }
}

/// Removes a condition before the store sees it.
macro_rules! ignores {
    ($name:literal, $clauses:expr, $what:literal, $forget:expr) => {
        Mutant::outside($name, $clauses, $what, Rewrite::AskInstances($forget))
    };
}

pub(crate) const LOOKS: &[Mutant] = &[
    Mutant::inside(
        "parents_are_forgotten",
        &["STA-09"],
        "An instance is nobody's child, whatever its start says.",
        &[Defect::ParentsAreForgotten],
    ),
    Mutant::outside(
        "turns_forget_parents",
        &["STA-09"],
        "The head of an instance that has run a turn names no parent.",
        Rewrite::Heads(|head| {
            if head.commit_id.is_some() {
                head.parent = None;
            }
        }),
    ),
    Mutant::outside(
        "watched_children_are_orphans",
        &["STA-09"],
        "The head that a watcher is told has no parent.",
        Rewrite::Changed(|heads| heads.iter_mut().for_each(|head| head.parent = None)),
    ),
    Mutant::outside(
        "labels_are_not_stored",
        &["STA-10"],
        "An instance has no labels, whatever its start says.",
        Rewrite::AskCommit(|commit| each_newborn(commit, |newborn| newborn.labels.clear())),
    ),
    Mutant::outside(
        "turns_create_without_labels",
        &["STA-10"],
        "An instance that its own first turn creates has no labels.",
        Rewrite::AskCommit(|commit| each_creation(commit, Labels::clear)),
    ),
    Mutant::outside(
        "labels_are_texts_of_c",
        &["STA-10"],
        "The value of a label ends with the first NUL.",
        Rewrite::AskCommit(|commit| {
            each_newborn(commit, |newborn| {
                for value in newborn.labels.values_mut() {
                    let end = value.find('\0').unwrap_or(value.len());
                    value.truncate(end);
                }
            });
        }),
    ),
    Mutant::outside(
        "labels_have_no_limit",
        &["LIM-07"],
        "Labels that are too many or too long are cut instead of refused.",
        Rewrite::AskCommit(|commit| {
            each_newborn(commit, |newborn| {
                let fits =
                    |(key, value): &(&String, &String)| key.len() <= 64 && value.len() <= 256;
                let kept = newborn.labels.iter().filter(fits).take(16);
                newborn.labels = kept
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
            });
        }),
    ),
    ignores!(
        "suspension_is_no_condition",
        &["ADM-04"],
        "A filter by suspension lists all.",
        |filter| filter.suspended = None
    ),
    ignores!(
        "orchestration_is_no_condition",
        &["ADM-04"],
        "A filter by orchestration lists all.",
        |filter| filter.orchestration = None
    ),
    ignores!(
        "queue_is_no_condition",
        &["ADM-04"],
        "A filter by queue lists all.",
        |filter| filter.queue = None
    ),
    ignores!(
        "parent_is_no_condition",
        &["ADM-04"],
        "A filter by parent lists all.",
        |filter| filter.parent = None
    ),
    ignores!(
        "the_first_status_counts",
        &["ADM-04"],
        "Of several statuses the first one is looked for.",
        |filter| filter.statuses.truncate(1)
    ),
    ignores!(
        "the_first_letter_counts",
        &["ADM-04"],
        "Of the beginning of an id the first character is looked at.",
        |filter| {
            let first = filter.id_prefix.chars().next();
            filter.id_prefix = first.into_iter().collect();
        }
    ),
    ignores!(
        "outputs_come_unasked",
        &["ADM-04"],
        "Heads are listed with their outputs, whether these were asked for or not.",
        |filter| filter.with_outputs = true
    ),
    ignores!(
        "labels_are_no_condition",
        &["ADM-06"],
        "A filter by labels lists all.",
        |filter| filter.labels.clear()
    ),
    ignores!(
        "one_label_is_enough",
        &["ADM-06"],
        "Of several labels the first one is looked for.",
        |filter| while filter.labels.len() > 1 {
            filter.labels.pop_last();
        }
    ),
    Mutant::outside(
        "label_filters_are_denied",
        &["ADM-06"],
        "The capabilities say that a store does not filter by labels, and it does.",
        Rewrite::Capabilities(|capabilities| capabilities.label_filters = false),
    ),
    ignores!(
        "the_newest_come_by_id",
        &["ADM-01"],
        "A list from the newest on is in the order of ids.",
        |filter| {
            if filter.after.is_none() {
                *filter = InstanceFilter {
                    order: Default::default(),
                    instances_max: 1_000,
                    ..filter.clone()
                };
            }
        }
    ),
    ignores!(
        "any_cursor_is_none",
        &["ADM-05"],
        "A cursor that is none begins anew.",
        |filter| {
            let is_nonsense = |it: &mut PageCursor| it.0.starts_with(b"nonsense");
            filter.after.take_if(is_nonsense);
        }
    ),
    Mutant::outside(
        "pages_lose_their_last",
        &["ADM-01", "ADM-05"],
        "The last instance of a page that is followed by another one is in neither.",
        Rewrite::Instances(|page| {
            if page.next.is_some() {
                page.instances.pop();
            }
        }),
    ),
    Mutant::inside(
        "lists_look_at_everyone",
        &["ADM-05"],
        "A page looks at instances until it is full.",
        &[Defect::ListsLookAtEveryone],
    ),
    Mutant::outside(
        "nothing_can_be_deleted",
        &["CAP-02"],
        "A store does not support that instances are deleted.",
        Rewrite::Deleted(|answer| {
            let message = "this store keeps everything";
            *answer = Err(ProviderError::new(
                ErrorKind::Unsupported,
                "delete_instance",
                message,
            ));
        }),
    ),
    Mutant::outside(
        "standings_show_no_lease",
        &["ADM-07"],
        "An instance that is leased looks free.",
        Rewrite::Inspected(|seen| {
            seen.standing = Standing {
                held_until_ms: None,
                is_leased: false,
                ..seen.standing
            };
        }),
    ),
    Mutant::outside(
        "releases_look_like_leases",
        &["ADM-07"],
        "What a release holds back looks leased.",
        Rewrite::Inspected(|seen| seen.standing.is_leased = seen.standing.held_until_ms.is_some()),
    ),
    Mutant::outside(
        "standings_count_no_attempts",
        &["ADM-07"],
        "An instance was never claimed.",
        Rewrite::Inspected(|seen| seen.standing.attempts = 0),
    ),
    Mutant::outside(
        "sleepers_look_ready",
        &["ADM-07"],
        "An instance that nothing wakes looks claimable.",
        Rewrite::Inspected(|seen| {
            seen.standing.claimable_from_ms.get_or_insert(0);
        }),
    ),
    Mutant::outside(
        "inspections_have_no_labels",
        &["STA-10"],
        "A look at an instance shows no labels.",
        Rewrite::Inspected(|seen| seen.record.labels.clear()),
    ),
    Mutant::outside(
        "mail_is_not_seen",
        &["ADM-08"],
        "A look at an instance shows no mail.",
        Rewrite::Inspected(|seen| {
            let is_mail = |channel: &Channel| channel.topic().is_some();
            seen.messages.retain(|it| !is_mail(&it.channel));
        }),
    ),
    Mutant::outside(
        "inspections_come_backwards",
        &["ADM-08"],
        "The messages of a page are in the wrong order.",
        Rewrite::Inspected(|seen| seen.messages.reverse()),
    ),
    Mutant::outside(
        "inspections_end_with_their_first_page",
        &["ADM-08"],
        "A look at an instance never says that more follows.",
        Rewrite::Inspected(|seen| seen.next = None),
    ),
    Mutant::outside(
        "inspections_have_no_bound_of_bytes",
        &["ADM-08"],
        "A page of bodies has room for any number of bytes.",
        Rewrite::AskInspect(|request| request.bytes_max = usize::MAX),
    ),
    Mutant::outside(
        "bodies_come_unasked",
        &["ADM-08"],
        "A look at an instance shows bodies that nobody asked for.",
        Rewrite::AskInspect(|request| request.with_bodies = true),
    ),
    Mutant::outside(
        "inspections_forget_activities",
        &["ADM-08"],
        "A look at an instance shows no activities.",
        Rewrite::Inspected(|seen| seen.activities.clear()),
    ),
    Mutant::outside(
        "inspections_hide_details",
        &["ADM-08"],
        "A look at an instance does not show how far its activities are.",
        Rewrite::Inspected(|seen| seen.activities.iter_mut().for_each(|it| it.details = None)),
    ),
    Mutant::inside(
        "details_take_no_room",
        &["ADM-08"],
        "A page has room for any number of bytes of details.",
        &[Defect::DetailsTakeNoRoom],
    ),
    Mutant::outside(
        "queues_are_listed_without_details",
        &["ADM-09"],
        "The list of a queue does not show how far its activities are.",
        Rewrite::ListedActivities(|page| {
            page.activities.iter_mut().for_each(|it| it.details = None)
        }),
    ),
    Mutant::outside(
        "queues_are_listed_by_id",
        &["ADM-09"],
        "The activities of a queue are in the order of their keys.",
        Rewrite::ListedActivities(|page| page.activities.sort_by(|a, b| a.key.cmp(&b.key))),
    ),
    Mutant::outside(
        "leased_activities_are_not_listed",
        &["ADM-09"],
        "What is leased is not in the list of its queue.",
        Rewrite::ListedActivities(|page| page.activities.retain(|it| !it.is_leased)),
    ),
    Mutant::outside(
        "queues_end_with_their_first_page",
        &["ADM-09"],
        "A list of activities never says that others follow.",
        Rewrite::ListedActivities(|page| page.next = None),
    ),
    Mutant::outside(
        "queues_are_listed_without_bodies",
        &["ADM-09"],
        "Bodies that were asked for are not there.",
        Rewrite::AskListActivities(|request| request.with_bodies = false),
    ),
    Mutant::outside(
        "loads_are_by_name",
        &["ADM-10"],
        "Queues are in the order of their names, backwards.",
        Rewrite::Metrics(|metrics| {
            metrics.turn_queues.sort_by(|a, b| b.queue.cmp(&a.queue));
            metrics
                .activity_queues
                .sort_by(|a, b| b.queue.cmp(&a.queue));
        }),
    ),
    Mutant::outside(
        "loads_count_what_is_leased",
        &["ADM-10"],
        "What is leased or has a delay counts as claimable.",
        Rewrite::Metrics(|metrics| {
            let queues = metrics.turn_queues.iter_mut();
            for load in queues.chain(&mut metrics.activity_queues) {
                load.claimable += std::mem::take(&mut load.later);
            }
        }),
    ),
    Mutant::outside(
        "nothing_waits_long",
        &["ADM-10"],
        "The oldest item of each queue has just come.",
        Rewrite::Metrics(|metrics| {
            let queues = metrics.turn_queues.iter_mut();
            for load in queues.chain(&mut metrics.activity_queues) {
                load.oldest_waits_ms = load.oldest_waits_ms.map(|_| 0);
            }
        }),
    ),
    Mutant::outside(
        "metrics_name_one_queue_of_turns_more",
        &["ADM-10"],
        "A thousand and one queues of turns are named.",
        Rewrite::Metrics(|metrics| one_more(&mut metrics.turn_queues)),
    ),
    Mutant::outside(
        "metrics_name_one_queue_of_activities_more",
        &["ADM-10"],
        "A thousand and one queues of activities are named.",
        Rewrite::Metrics(|metrics| one_more(&mut metrics.activity_queues)),
    ),
    Mutant::outside(
        "the_busiest_queue_of_turns_is_left_out",
        &["ADM-10"],
        "Of more queues of turns than are named the one with the most to do is left out.",
        Rewrite::Metrics(|metrics| without_the_first(&mut metrics.turn_queues)),
    ),
    Mutant::outside(
        "the_busiest_queue_of_activities_is_left_out",
        &["ADM-10"],
        "Of more queues of activities than are named the one with the most to do is left out.",
        Rewrite::Metrics(|metrics| without_the_first(&mut metrics.activity_queues)),
    ),
    Mutant::inside(
        "values_end_with_the_thousandth",
        &["VAL-07"],
        "Of the values of an instance those behind the thousandth are never read.",
        &[Defect::ValuesEndWithAPage],
    ),
    Mutant::inside(
        "pages_of_values_have_no_end",
        &["VAL-07"],
        "A page has any number of values.",
        &[Defect::PagesOfValuesHaveNoEnd],
    ),
    Mutant::outside(
        "all_values_come_at_once",
        &["VAL-07"],
        "A page of values has room for any number of bytes.",
        Rewrite::AskValues(|request| {
            if let ValueKeys::All { bytes_max, .. } = &mut request.keys {
                *bytes_max = usize::MAX;
            }
        }),
    ),
    Mutant::outside(
        "large_values_end_the_list",
        &["VAL-07"],
        "A value that does not fit into a page by itself is left out, and what comes behind it as well.",
        Rewrite::AskValues(|request| {
            if let ValueKeys::All { after, bytes_max } = &mut request.keys
                && *bytes_max < 5
            {
                *after = Some("\u{10ffff}".into());
            }
        }),
    ),
];
