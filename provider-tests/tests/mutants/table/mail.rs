//! Faults of mail, of suspension, and of what manages an instance.

use duroxide_core::limits::AWAITED_TOPICS_MAX;
use duroxide_core::providers::{Channel, Commit};
use duroxide_memory::Defect;

use super::super::mutant::Mutant;
use super::super::rewrite::Rewrite;
use super::{each_envelope, each_turn};

pub(crate) const MAIL: &[Mutant] = &[
    Mutant::outside(
        "mail_is_like_any_message",
        &["CLM-11", "MAI-05"],
        "Mail is claimed, and wakes its instance, as other messages do.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                if envelope.message.channel.topic().is_some() {
                    envelope.message.channel = Channel::System;
                }
            });
        }),
    ),
    Mutant::outside(
        "mail_is_not_announced",
        &["CLM-11"],
        "A claim does not say that mail is there.",
        Rewrite::Turns(|claimed| {
            claimed
                .items
                .iter_mut()
                .for_each(|turn| turn.has_mail = false)
        }),
    ),
    Mutant::outside(
        "mail_is_always_announced",
        &["CLM-11"],
        "A claim says that mail is there, whether it is or not.",
        Rewrite::Turns(|claimed| {
            claimed
                .items
                .iter_mut()
                .for_each(|turn| turn.has_mail = true)
        }),
    ),
    Mutant::outside(
        "control_is_claimed_last",
        &["CLM-02"],
        "What manages an instance comes after what its decisions bring.",
        Rewrite::Turns(|claimed| {
            for turn in &mut claimed.items {
                turn.messages
                    .sort_by_key(|it| it.channel == Channel::Control);
            }
        }),
    ),
    Mutant::outside(
        "due_times_are_not_told",
        &["CLM-02"],
        "A claimed message does not say when it was due.",
        Rewrite::Turns(|claimed| {
            let messages = claimed.items.iter_mut().flat_map(|turn| &mut turn.messages);
            messages.for_each(|message| message.due_at_ms = 0);
        }),
    ),
    Mutant::outside(
        "mail_may_be_addressed",
        &["MAI-01"],
        "Mail to an execution is taken for mail to all of them.",
        Rewrite::AskCommit(|commit| {
            each_envelope(commit, |envelope| {
                if envelope.message.channel.topic().is_some() {
                    envelope.message.execution = None;
                }
            });
        }),
    ),
    Mutant::outside(
        "mail_comes_backwards",
        &["MAI-02", "MSG-04"],
        "The newest mail is read first.",
        Rewrite::Mail(|_, page| page.mail.reverse()),
    ),
    Mutant::outside(
        "marks_are_ignored",
        &["MAI-02"],
        "Each read begins with the oldest mail.",
        Rewrite::AskMail(|request| request.topics.iter_mut().for_each(|it| it.after = None)),
    ),
    Mutant::outside(
        "one_topic_is_read",
        &["MAI-02"],
        "A read of several topics gives the mail of the first.",
        Rewrite::AskMail(|request| request.topics.truncate(1)),
    ),
    Mutant::outside(
        "number_of_mail_is_ignored",
        &["MAI-03"],
        "A page holds more messages of a topic than were asked for.",
        Rewrite::AskMail(|request| request.per_topic_max = usize::MAX),
    ),
    Mutant::outside(
        "bytes_of_mail_are_ignored",
        &["MAI-03"],
        "A page holds more bytes than were asked for.",
        Rewrite::AskMail(|request| request.bytes_max = usize::MAX),
    ),
    Mutant::outside(
        "large_mail_is_never_read",
        &["MAI-03"],
        "A message that is larger than a page is in none.",
        Rewrite::Mail(|request, page| {
            page.mail
                .retain(|mail| mail.message.body.len() <= request.bytes_max);
        }),
    ),
    Mutant::inside(
        "mail_of_the_first_topic_comes_first",
        &["MAI-03"],
        "A page fills with one topic after the other, and leaves older mail of the last one.",
        &[Defect::MailByTopic],
    ),
    Mutant::outside(
        "rest_of_mail_is_not_told",
        &["MAI-03"],
        "A page does not say that others follow.",
        Rewrite::Mail(|_, page| page.more = false),
    ),
    Mutant::inside(
        "mail_of_any_life",
        &["MAI-04"],
        "Mail is read of whichever life there is.",
        &[Defect::MailOfAnyLife],
    ),
    Mutant::outside(
        "awaited_is_forgotten",
        &["MAI-05"],
        "A commit awaits nothing, whatever it says.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.awaited.clear())),
    ),
    Mutant::inside(
        "awaited_adds_up",
        &["MAI-05"],
        "A commit awaits what it names beside what was awaited before.",
        &[Defect::AwaitedAddsUp],
    ),
    Mutant::inside(
        "ends_leave_the_record",
        &["MAI-05", "SUS-02"],
        "An instance that has ended awaits mail and stays suspended.",
        &[Defect::EndsLeaveTheRecord],
    ),
    Mutant::outside(
        "suspension_is_ignored",
        &["SUS-01"],
        "A commit does not suspend.",
        Rewrite::AskCommit(|commit| each_turn(commit, |turn| turn.suspended = None)),
    ),
    Mutant::inside(
        "suspended_get_everything",
        &["SUS-01"],
        "A claim of a suspended instance carries all that is due.",
        &[Defect::SuspendedGetEverything],
    ),
    Mutant::outside(
        "resumption_is_ignored",
        &["SUS-02"],
        "An instance that was suspended stays so.",
        Rewrite::AskCommit(|commit| {
            each_turn(commit, |turn| {
                turn.suspended = turn.suspended.filter(|it| *it)
            });
        }),
    ),
    Mutant::inside(
        "control_waits_for_a_release",
        &["LEA-06"],
        "A control message waits for the end of a release's delay.",
        &[Defect::ControlWaitsForARelease],
    ),
    Mutant::inside(
        "unleased_ignores_suspension",
        &["FEN-07"],
        "A turn without a lease is applied to a suspended instance.",
        &[Defect::UnleasedIgnoresSuspension],
    ),
    Mutant::inside(
        "unleased_ignores_commits",
        &["FEN-07"],
        "A turn without a lease is applied after a commit that has moved no position.",
        &[Defect::UnleasedIgnoresCommits],
    ),
    Mutant::inside(
        "start_of_an_existing_is_no_control",
        &["STA-03"],
        "A turn's start of an id that exists waits until the instance is resumed.",
        &[Defect::StartOfAnExistingIsNoControl],
    ),
    Mutant::inside(
        "start_of_an_existing_waits",
        &["STA-03"],
        "A turn's start of an id that exists is answered when its delay has passed.",
        &[Defect::StartOfAnExistingWaits],
    ),
    Mutant::inside(
        "ended_take_mail",
        &["STA-06"],
        "Mail for an instance that has ended is taken, and never read.",
        &[Defect::EndedTakeMail],
    ),
    Mutant::outside(
        "awaited_is_cut_short",
        &["LIM-04"],
        "Topics beyond the limit are not awaited, and nobody is told.",
        Rewrite::AskCommit(|commit| {
            if let Commit::Turn(turn) = commit {
                turn.awaited.truncate(AWAITED_TOPICS_MAX);
            }
        }),
    ),
    Mutant::outside(
        "quota_of_control_is_not_kept",
        &["LIM-03"],
        "The declared quota of control messages is half of the one that is kept.",
        Rewrite::Capabilities(|capabilities| capabilities.limits.control_messages_max /= 2),
    ),
];
