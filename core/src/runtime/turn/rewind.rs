//! Rewinding: an instance that has failed goes on from where its history is cut, in a next execution.
//!
//! The next execution begins with a copy of what came before the cut, through which the code is led as in
//! any replay. So it takes code that does what the history says, and the wish waits until a node has some.
//! All of it is one commit: until then the instance stands as it ended.

use std::sync::Arc;

use super::again::Options;
use super::code::Code;
use super::draft::Draft;
use super::ending;
use super::feed::{Feeder, Unfit, not_before};
use super::forced::{mismatch, unreadable};
use super::inbox::{self, Letter};
use super::load;
use super::occasion::Occasion;
use super::open::Stopped;
use super::process::{Plan, Work, feed, finish};
use super::scope::Scope;
use crate::event::{Entry, ErrorDetails, EventKind, RULES, Rewound, is_unmade_fork};
use crate::limits::rewound_bytes_max;
use crate::message::{
    Cause, CoreState, MessageBody, Notice, Origin, Output, ParentLink, RewindTarget, Start,
};
use crate::providers::{Channel, Fence, InstanceStatus, MessageId};
use crate::replay::{Cut, Harvest, Moment};
use crate::runtime::attempts::Item;
use crate::runtime::give_back::mark;
use crate::runtime::node::Node;

/// What somebody wants of an instance that has ended.
pub(super) struct Wish<'a> {
    letter: &'a Letter,
    target: RewindTarget,
    /// The parent that waits for it anew, if one does.
    parent: Option<&'a ParentLink>,
}

/// The first wish that the instance goes on, if there is one. A rewind is of the execution that it names,
/// so that two of them rewind it once.
pub(super) fn wish<'a>(turn: &Occasion, letters: &'a [Letter]) -> Option<Wish<'a>> {
    letters.iter().find_map(|letter| {
        let parent = inbox::renewed_by(turn, letter);
        let is_of_this_end = letter.execution == Some(turn.head.position.execution)
            && turn.head.status == InstanceStatus::Failed;
        let target = if let MessageBody::Rewind { to } = &letter.body {
            is_of_this_end.then_some(*to)?
        } else {
            parent.map(|_| RewindTarget::LastFailedStep)?
        };
        Some(Wish {
            letter,
            target,
            parent,
        })
    })
}

/// What becomes of the wish.
pub(super) async fn plan(
    node: &Arc<Node>,
    turn: &Occasion,
    letters: &[Letter],
    scope: Box<Scope>,
    wish: Wish<'_>,
) -> Plan {
    if turn.head.status != InstanceStatus::Failed {
        // It has succeeded, which the parent has not seen.
        return given_up(node, turn, letters, "the instance has not failed");
    }
    let item = || Item::Turn(turn.head.instance.clone());
    if let Some(attempts) = node.attempts.poison(turn.attempt, item) {
        let details = ending::poison(turn, attempts, node.options.max_attempts);
        return given_up(node, turn, letters, &details.display_message());
    }
    if let Fence::At { lease, .. } = turn.fence
        && let Some(blocked) = node.watch.blocked(&turn.head, lease)
    {
        return Plan::LeaveAlone(blocked);
    }
    let wished = wish.letter.id;
    let planned = match gone_on(node, turn, letters, scope, wish).await {
        Ok(feeder) => finish(node, turn, letters, feeder).await,
        Err(NotRewound::Stopped(Stopped::Unfit(details))) => {
            mismatch(node, turn, letters, details).await
        }
        Err(NotRewound::Stopped(Stopped::Load(error))) => {
            unreadable(node, turn, letters, error).await
        }
        Err(NotRewound::Impossible(why)) => given_up(node, turn, letters, &why),
    };
    match (&planned, withdrawn(letters, wished)) {
        // It might wait for ever for code that fits, and keeps the instance from being removed.
        (Plan::GiveBack(_), Some(reason)) => {
            let why = format!("it was cancelled before code that fits was there: {reason}");
            given_up(node, turn, letters, &why)
        }
        _ => planned,
    }
}

/// Why somebody cancels what was wished, if somebody does. Nothing of it has begun, so that a grace is not
/// waited for.
fn withdrawn(letters: &[Letter], wished: MessageId) -> Option<&str> {
    let behind = letters.iter().skip_while(|it| it.id != wished);
    behind.skip(1).find_map(|letter| {
        let (MessageBody::Cancel { reason, .. } | MessageBody::CancelLater { reason, .. }) =
            &letter.body
        else {
            return None;
        };
        Some(reason.as_str())
    })
}

/// Why an instance is not rewound.
enum NotRewound {
    Stopped(Stopped),
    /// It never will be.
    Impossible(String),
}

impl From<Stopped> for NotRewound {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl From<ErrorDetails> for NotRewound {
    fn from(details: ErrorDetails) -> Self {
        Self::Stopped(Stopped::Unfit(details))
    }
}

impl From<Unfit> for NotRewound {
    fn from(Unfit(details): Unfit) -> Self {
        Self::from(details)
    }
}

/// The code in the next execution, as far as it goes by itself.
async fn gone_on<'a>(
    node: &'a Node,
    turn: &Occasion,
    letters: &[Letter],
    mut scope: Box<Scope>,
    wish: Wish<'_>,
) -> Result<Box<Feeder<'a>>, NotRewound> {
    let head = &turn.head;
    let anew = begins_anew(&mut scope, &wish)?;
    let version = Some(scope.version.as_str()).filter(|version| !version.is_empty());
    let code = Code::find(&node.orchestrations, &scope.orchestration, version)?;
    scope.version.clone_from(&code.version);
    if let Some(details) = node.give_backs.known_unfit(&head.instance, mark(head)) {
        return Err(details.into());
    }
    let history = load::read_whole(node, turn).await.map_err(Stopped::Load)?;
    let bytes_max = rewound_bytes_max(&node.limits);
    if history.bytes > bytes_max {
        let bytes = history.bytes;
        return Err(NotRewound::Impossible(format!(
            "its history has {bytes} bytes, and one that is rewound has at most {bytes_max}"
        )));
    }
    if is_unmade_fork(history.entries.first().map(|it| &it.kind)) {
        let why = "it is a fork that ended before it began: fork its source again";
        return Err(NotRewound::Impossible(why.to_owned()));
    }
    let RewindTarget::LastFailedStep = wish.target;
    let Some(cut) = Cut::before_failure(&history.entries) else {
        let why = "its history does not end with a failure";
        return Err(NotRewound::Impossible(why.to_owned()));
    };
    let kept = cut.kept(&history.entries);
    let mut repeated = history.entries;
    repeated.retain(|entry| entry.event_id < cut.event_id);
    begin_in(&code.version, anew, &mut repeated);

    scope.execution += 1;
    scope.core_state.notice = None;
    scope.core_state.start_is_lost = false;
    scope.core_state.not_rewound = None;
    scope.core_state.rewound_in = Some(scope.execution);
    match wish.parent {
        Some(parent) => scope.core_state.renew_parent(parent.clone()),
        None => scope.core_state.parent_is_told = scope.core_state.parent.is_some(),
    }
    let latest_ms = repeated.last().map_or(0, |entry| entry.timestamp_ms);
    let moment = Moment {
        now_ms: not_before(latest_ms, node.clock.now_ms()),
        seed: node.entropy.seed(),
    };
    let alarm = Some(node.alarm(&scope.instance, scope.incarnation));
    let events_max = node.limits.history_events_max;
    let input = load::first_input(&repeated);
    let mut engine = code.engine(&scope, input, events_max, alarm);
    engine
        .rewind(repeated.clone(), cut.within_step.then_some(moment))
        .map_err(|failure| failure.into_mismatch(&scope.orchestration))?;
    let harvest = engine.harvest();
    let options = (
        harvest.start_options.clone(),
        harvest.activity_options.clone(),
    );
    let mut feeder = Box::new(Feeder::new(node, head, scope, engine, 0));
    begin(&mut feeder, turn, letters, &wish, (cut, &repeated));
    absorb(&mut feeder, moment, harvest);
    let execution = feeder.scope.execution;
    feeder.repeat(&kept)?;
    if feeder.scope.execution == execution {
        open_again(&mut feeder, &repeated, (&options.0, &options.1));
    }
    feed(&mut feeder, turn, &[]).await?;
    Ok(feeder)
}

/// The start of a child that was ended before its code began, from the parent that starts it again: the
/// history does not say with what it was to begin. Nobody else says that, so that no other wish is met.
fn begins_anew<'a>(scope: &mut Scope, wish: &Wish<'a>) -> Result<Option<&'a Start>, NotRewound> {
    if !scope.core_state.start_is_lost {
        return Ok(None);
    }
    if let MessageBody::StartAgain(start) = &wish.letter.body
        && scope.execution == 1
    {
        scope.version = start.version.clone().unwrap_or_default();
        return Ok(Some(start));
    }
    let why =
        "it was ended before its code began, and with what it was to begin is not known any more";
    Err(NotRewound::Impossible(why.to_owned()))
}

/// Has the history say in which version it begins, where no code had begun, and with what.
fn begin_in(version: &str, anew: Option<&Start>, repeated: &mut [Entry]) {
    let Some(first) = repeated.first_mut() else {
        return;
    };
    if let Some(start) = anew {
        first.kind = inbox::started(start, version.to_owned()).kind;
    }
    if let EventKind::OrchestrationStarted {
        version: said,
        rules,
        ..
    } = &mut first.kind
    {
        if said.is_empty() {
            version.clone_into(said);
        }
        if anew.is_some() {
            *rules = Some(RULES);
        }
    }
}

/// Begins the draft with what is repeated. The wish is taken in and what came before it; control that came
/// after it is for the execution that goes on.
fn begin(
    feeder: &mut Feeder<'_>,
    turn: &Occasion,
    letters: &[Letter],
    wish: &Wish<'_>,
    (cut, repeated): (Cut, &[Entry]),
) {
    let draft = &mut feeder.draft;
    let mut is_before = true;
    for delivery in &turn.messages {
        if is_before || delivery.message.channel != Channel::Control {
            draft.consumed.push(delivery.message.id);
        }
        is_before &= delivery.message.id != wish.letter.id;
    }
    let consumed = draft.consumed.clone();
    let taken = letters.iter().filter(|it| consumed.contains(&it.id));
    ending::answer_refused_parents(draft, turn, taken);
    let ended = turn.head.position.execution;
    draft.purge_through = Some(ended);
    draft.entries = repeated.to_vec();
    if let Some(Entry {
        kind: EventKind::OrchestrationStarted { rewound, .. },
        ..
    }) = draft.entries.first_mut()
    {
        *rewound = Some(Box::new(Rewound {
            execution: ended,
            event_id: cut.event_id,
            request: wish.letter.id.0,
        }));
    }
}

fn absorb(feeder: &mut Feeder<'_>, moment: Moment, harvest: Harvest) {
    let (scope, limits) = (&feeder.scope, feeder.limits);
    feeder.draft.absorb(scope, limits, moment.now_ms, harvest);
}

/// Opens anew what was scheduled before the cut and is open.
fn open_again(feeder: &mut Feeder<'_>, repeated: &[Entry], options: Options<'_>) {
    let open = feeder.engine.open_operations();
    let now_ms = feeder.moment().now_ms;
    for entry in repeated.iter().filter(|it| open.contains(&it.event_id)) {
        let (scope, limits) = (&feeder.scope, feeder.limits);
        feeder
            .draft
            .send_again(scope, limits, now_ms, entry, options);
    }
}

/// The instance stays as it ended. A parent that waits for it anew hears how that was; of a wish of somebody
/// else the head tells what became, and the log.
pub(super) fn given_up(node: &Node, turn: &Occasion, letters: &[Letter], why: &str) -> Plan {
    let mut scope = Scope::of(&turn.head).unwrap_or_else(|_| Scope::without_core_state(&turn.head));
    let is_wish = |letter: &Letter| matches!(letter.body, MessageBody::Rewind { .. });
    let is_known = CoreState::decode(&turn.head.core_state).is_ok();
    if is_known && letters.iter().any(is_wish) {
        scope.core_state.not_rewound = Some(Notice {
            reason: why.to_owned(),
            activity_id: None,
            at_ms: node.clock.now_ms(),
        });
    }
    let mut work = Work {
        draft: ending::drained(turn, letters),
        scope,
        alive: None,
    };
    let parents = letters
        .iter()
        .filter_map(|letter| Some((letter.id, inbox::renewed_by(turn, letter)?)));
    // Of several the last one waits still.
    match parents.last() {
        Some(parent) => tell_again(&mut work, turn, parent),
        None => tracing::warn!(
            target: "duroxide::runtime",
            instance_id = %turn.head.instance,
            why,
            "an instance is not rewound"
        ),
    }
    work.into()
}

fn tell_again(work: &mut Work, turn: &Occasion, (id, parent): (MessageId, &ParentLink)) {
    let output = turn.head.output.as_deref().map(Output::decode);
    let output = match output {
        Some(Ok(output)) => output,
        None | Some(Err(_)) => Output::Failed(ErrorDetails::Infrastructure {
            operation: "decode_head".to_owned(),
            message: "what a child came to is damaged".to_owned(),
            retryable: false,
        }),
    };
    let origin = Origin {
        incarnation: id.incarnation(),
        execution: 1,
        event_id: 1,
    };
    let draft: &mut Draft = &mut work.draft;
    draft.tell_parent(parent, origin.message_id(Cause::ChildOutcome), &output);
    work.scope.core_state.renew_parent(parent.clone());
    work.scope.core_state.parent_is_told = true;
}
