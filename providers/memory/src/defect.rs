//! Deliberate faults, by which the conformance suite shows that it finds them.
//!
//! Each one is asked for at the spot where it does its harm. Without the feature `mutants` there is
//! no way to set one, and the question is a constant `false`.

use std::hint::black_box;

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{
    ActivityCancel, ActivityKey, ActivityLease, Channel, ClaimTurns, ErrorKind, Fence, Incarnation,
    InstanceId, Lease, LeaseToken, MessageId, Position, ProviderError, TurnCommit, check,
    check::Refusals, refusal, share,
};

use crate::check::Basis;
use crate::inbox::Inbox;
use crate::queues::{Due, Fronts};
use crate::state::{Instance, State};

/// One way in which the provider breaks its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "mutants"),
    expect(
        unreachable_pub,
        reason = "there is no way to set one without the feature"
    )
)]
pub enum Defect {
    /// A turn's start of an id that exists starts nothing and tells nobody (STA-03).
    ATurnsStartOfAnExistingIsDropped,
    /// A turn that creates an instance is applied to the one that exists (FEN-03).
    AbsentFenceIsIgnored,
    /// A turn that does not end the instance has it expire as well (EXP-01).
    AnyTurnExpires,
    /// A turn commit does not begin the count of attempts anew (ATT-02).
    AttemptsStay,
    /// What a commit awaits comes to what was awaited before (MAI-05).
    AwaitedAddsUp,
    /// Nobody is anybody's child (STA-09).
    ParentsAreForgotten,
    /// Cancelling looks at the instance and not at the execution (CAN-05).
    CancelCrossesExecutions,
    /// Cancelling leaves a leased activity to its worker (CAN-01).
    CancelSparesLeased,
    /// Cancelling an activity that is not there is refused (CAN-04).
    CancelWantsAnActivity,
    /// Activities are cancelled after new ones were made (COM-08).
    CancelsLast,
    /// A claim deletes the messages that it returns (MSG-03).
    ClaimConsumes,
    /// A claim takes instances that somebody holds (CLM-01).
    ClaimIgnoresLeases,
    /// A claim looks at every instance there is (CLM-05).
    ClaimReadsEveryInstance,
    /// A claim looks at every activity there is (CLM-05).
    ClaimReadsEveryActivity,
    /// A claim returns messages whose delay has not passed (CLM-04).
    ClaimTakesInvisible,
    /// A claim looks first and leases later, without looking again (CON-01).
    ClaimsFromASnapshot,
    /// An activity that was claimed once belongs to the default queue (CLM-09).
    ClaimedActivityChangesQueue,
    /// Heads come with their notes wherever they are read (NOT-02).
    ClaimsReadNotes,
    /// A claim goes on behind the first item that does not fit (CLM-13).
    ClaimSkipsWhatIsLong,
    /// What a claim leaves for its bytes is leased, and its attempt counted (CLM-13).
    ClaimTakesWhatIsLeft,
    /// Closing leaves those who wait to their clocks (MNT-02).
    CloseLeavesWaiters,
    /// A turn is applied after its lease has expired (FEN-01).
    CommitIgnoresExpiry,
    /// A turn is applied wherever the history ends (FEN-02).
    CommitIgnoresPosition,
    /// A turn is applied whoever commits it (FEN-01).
    CommitIgnoresToken,
    /// A commit wakes nobody (WAK-02).
    CommitWakesNobody,
    /// A turn ends activities whose leases are not held (FEN-04).
    CompletedIsUnchecked,
    /// A turn empties the inbox instead of removing what it consumed (COM-02).
    ConsumesEverything,
    /// What a turn consumed is removed before the turn is checked (FEN-05).
    ConsumesFirst,
    /// What a turn consumed is removed in a second step, which may never come (COM-01).
    ConsumesLater,
    /// A turn removes what is visible instead of what it consumed (COM-02).
    ConsumesWhatIsVisible,
    /// A control message waits for the end of a release's delay (LEA-06).
    ControlWaitsForARelease,
    /// A message with a delay holds back those that come after it (DLY-02).
    DelayHoldsBack,
    /// Deleting leaves the activities (DEL-01).
    DeleteLeavesActivities,
    /// Deleting leaves the values to the next life (VAL-03).
    DeleteLeavesValues,
    /// What brings no details or note takes those that are there (DET-01, NOT-01).
    DetailsAreTaken,
    /// New activities come with the details of others (DET-03).
    DetailsAreInherited,
    /// Any number of bytes of details is kept, of instances as well (LIM-06).
    DetailsAreUnlimited,
    /// The details of activities take no room in a page (ADM-08).
    DetailsTakeNoRoom,
    /// Executions and chunks are taken as they come (EXE-03, HIS-05, HIS-06).
    ExecutionsAreUnchecked,
    /// An instance is gone as soon as its time has come (EXP-02).
    ExpiredAreGoneAtOnce,
    /// A commit without executions takes the time back at which the instance expires (EXP-01).
    ExpiryIsForgotten,
    /// The histories of earlier executions go when the next one begins (EXE-02).
    ContinueForgetsHistory,
    /// Inputs go when the next execution begins (EXE-01).
    ContinueForgetsInputs,
    /// Values go when the next execution begins (VAL-03).
    ContinueForgetsValues,
    /// Mail for an instance that has ended is taken (STA-06).
    EndedTakeMail,
    /// An end leaves what is awaited, and the suspension (MAI-05, SUS-02).
    EndsLeaveTheRecord,
    /// An end takes the values along (VAL-03).
    EndsTakeTheValues,
    /// What expires counts with what does not (VAL-05).
    ExpiringValuesCount,
    /// A full inbox loses the messages of turns and outcomes (LIM-03).
    FullInboxLosesMessages,
    /// A full inbox refuses a message that is in it (LIM-03).
    FullInboxRefusesRepeats,
    /// The head is written before the fence is looked at (FEN-05).
    HeadIsWrittenFirst,
    /// A claim returns the messages that it saw before it took the lease (CON-01).
    InboxFromASnapshot,
    /// A commit to a deleted instance creates it anew (DEL-01).
    LateCommitRevives,
    /// A message to an earlier life is delivered to this one (MSG-05).
    LivesAreConfused,
    /// An activity's key may be used twice (ACT-01).
    KeysComeTwice,
    /// A page of mail fills with one topic after the other (MAI-03).
    MailByTopic,
    /// Mail is read of whichever life there is (MAI-04).
    MailOfAnyLife,
    /// Maintenance looks at every instance there is (EXP-03).
    MaintenanceReadsEveryInstance,
    /// Maintenance does not ask to be called again (EXP-03).
    MaintenanceForgetsTheRest,
    /// Maintenance removes what has ended, whether it expires or not (EXP-02).
    MaintenanceRemovesTheEnded,
    /// Maintenance removes an instance for which control is due (DEL-05).
    MaintenanceSparesNobody,
    /// A deletion that is not forced removes an instance for which control is due (DEL-05).
    DeletionSparesNobody,
    /// A start takes the place of an instance for which control is due (DEL-05).
    ReplacementSparesNobody,
    /// Maintenance leaves an instance that somebody holds (EXP-02).
    MaintenanceSparesLeased,
    /// A claim that names an instance takes it from whoever holds it (CLM-14).
    NamedAreClaimedTwice,
    /// A claim that names an instance finds it in the queues that it names alone (CLM-14).
    NamedAreOfTheQueue,
    /// A claim that names an instance leaves one that has ended (CLM-14).
    NamedAreAlive,
    /// A claim that names an instance finds it if there is something to do (CLM-14).
    NamedHaveWork,
    /// A new activity is not claimable at first (ACT-01).
    NewActivitiesWait,
    /// An outcome is taken after its lease has expired (ACT-04).
    OutcomeIgnoresExpiry,
    /// An outcome sends its message though there is no activity to remove (ACT-04, IDM-04).
    OutcomeSendsAnyway,
    /// An instance that was claimed three times in vain stops those behind it (CLM-10).
    PoisonStopsOthers,
    /// Listed heads come with their notes (NOT-02).
    ListsReadNotes,
    /// A page of a list looks at instances until it is full (ADM-05).
    ListsLookAtEveryone,
    /// An instance that is opened again expires as its end has said (EXE-04).
    OpenedExpire,
    /// An instance that has ended is not opened again (EXE-04).
    OpeningIsRefused,
    /// A turn that opens an instance leaves the activities that it completes (EXE-04).
    OpeningLeavesActivities,
    /// A turn without a lease does not open an instance that has ended (EXE-04).
    OpeningWantsAClaim,
    /// A page of values has any number of them (VAL-07).
    PagesOfValuesHaveNoEnd,
    /// A turn opens the next execution of an instance that has not ended (EXE-03).
    OpeningIsUnchecked,
    /// The execution that has ended loses its output when the next one is opened (EXE-04).
    OpeningTakesTheOutput,
    /// An instance that is opened again has ended still (EXE-04).
    OpenedHaveEnded,
    /// The position is looked at before the lease (FEN-02).
    PositionBeforeLease,
    /// Pruning everything takes the current execution as well (DEL-03).
    PruneTakesCurrent,
    /// The purge comes after the messages were sent (COM-08).
    PurgesLast,
    /// The purge takes messages to nobody in particular as well (COM-03).
    PurgesUnaddressed,
    /// A release does not look at what is in the inbox (COM-04, COM-06).
    ReleaseForgetsArrivals,
    /// A release looks at the inbox, and acts on what it saw later (WAK-01).
    ReleaseRacesWithSends,
    /// A lease is released whoever asks (LEA-07).
    ReleaseIgnoresToken,
    /// An expired lease that nobody took over is renewed (LEA-05).
    RenewRevives,
    /// A renewal sets the time and may shorten it (LEA-04).
    RenewShortens,
    /// A claim of several queues takes what became claimable first (CLM-12).
    QueuesHaveNoShares,
    /// What was written last is gone when the store is opened again: here the messages (DUR-01).
    ReopenForgetsMessages,
    /// The counts of attempts are kept in the process (ATT-04).
    ReopenForgetsAttempts,
    /// The ids of commits are kept in the process (DUR-01).
    ReopenForgetsCommits,
    /// An instance that runs again expires all the same (EXP-01).
    ReopenedExpire,
    /// A repeated turn is taken for another one (IDM-01).
    RepeatIsUnknown,
    /// A repeated turn sends its messages again (IDM-01).
    RepeatSendsAgain,
    /// The start that created an instance is a message when it comes again (IDM-03).
    RepeatedStartIsNews,
    /// A start does not take the place of an instance that somebody holds (STA-08).
    ReplacementFearsLeases,
    /// What is replaced goes first, and what takes its place comes in a second step (STA-08).
    ReplacementTakesTwoSteps,
    /// A start takes the place of the instance that it began (IDM-03).
    ReplacesItself,
    /// A start takes the place of an instance that has not ended (STA-08).
    ReplacesTheLiving,
    /// The claim that a reservation saves is not counted (ACT-02).
    ReservationIsUncounted,
    /// A sender moves the instance back in the queue (CLM-06).
    SenderMovesItsReceiverBack,
    /// A claim of several queues takes no more of each than its share (CLM-12).
    SharesAreNotPassedOn,
    /// Messages are sent in a second step, which may never come (ACT-03, COM-01).
    SendsLater,
    /// A client's start of an id that exists begins it anew (STA-02).
    StartOverwrites,
    /// A turn's start of an id that exists comes with what the instance's decisions bring (STA-03).
    StartOfAnExistingIsNoControl,
    /// A turn's start of an id that exists keeps the delay that it was sent with (STA-03).
    StartOfAnExistingWaits,
    /// A claim of a suspended instance carries all that is due (SUS-01).
    SuspendedGetEverything,
    /// A message that is in the inbox is stored again (MSG-02).
    StoresRepeats,
    /// Messages of the same time come in the opposite order (MSG-04).
    TiesComeBackwards,
    /// Every lease has the same proof (LEA-02).
    TokensComeAgain,
    /// A dropped commit leaves its transaction open (CXL-01).
    TransactionStaysOpen,
    /// A turn's start takes the place of an instance that has ended (STA-08).
    TurnsReplace,
    /// Of the values of an instance only a page is ever read (VAL-07).
    ValuesEndWithAPage,
    /// A turn without executions sets the status (HEA-02).
    TurnMeansRunning,
    /// Two turns of one instance share a batch (FEN-06).
    TwoTurnsPass,
    /// A turn without a lease is refused where one has expired that nobody took over (FEN-07).
    UnleasedFearsTheExpired,
    /// A turn without a lease is applied to an instance that is held back by a release (FEN-07).
    UnleasedIgnoresBackOff,
    /// A turn without a lease is applied to an instance that somebody holds (FEN-07).
    UnleasedIgnoresLeases,
    /// A turn without a lease is applied after a commit that moved no position (FEN-07).
    UnleasedIgnoresCommits,
    /// A turn without a lease is applied to a suspended instance (FEN-07).
    UnleasedIgnoresSuspension,
    /// A turn without a lease is applied to whichever life there is (FEN-07).
    UnleasedIgnoresLife,
    /// A turn without a lease is applied wherever the history ends (FEN-07).
    UnleasedIgnoresPosition,
    /// The position of a turn without a lease is looked at first (FEN-07).
    UnleasedPositionFirst,
    /// A commit leaves the note on its instance (NOT-01).
    NotesOutliveCommits,
    /// Whoever has lost a lease leaves details and notes all the same (DET-02).
    LostLeasesLeaveDetails,
    /// Details and notes are gone when the store is opened again (DET-04).
    ReopenForgetsDetails,
    /// An instance may have any number of values, of any size together (VAL-05).
    ValuesAreUncounted,
    /// Values are written before the turn is checked (VAL-01).
    ValuesAreWrittenFirst,
    /// Values are written in a second step, which may never come (VAL-01).
    ValuesComeLater,
    /// A wait does not know of timers and of leases that expire (WAK-02).
    WaitIgnoresTheClock,
    /// Waiters are woken before there is something to see (WAK-01).
    WakesTooEarly,
}

/// The faults that a provider was given: none, unless it is a mutant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defects(pub(crate) Vec<Defect>);

impl Defects {
    pub(crate) fn has(&self, defect: Defect) -> bool {
        cfg!(feature = "mutants") && self.0.contains(&defect)
    }
}

impl State {
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defects.has(defect)
    }

    /// Whether it has any defect at all.
    pub(crate) fn is_defective(&self) -> bool {
        cfg!(feature = "mutants") && !self.defects.0.is_empty()
    }

    /// The proof of a new lease (LEA-02).
    pub(crate) fn new_token(&self) -> LeaseToken {
        if self.has(Defect::TokensComeAgain) {
            return LeaseToken(Default::default());
        }
        Entropy.lease_token()
    }

    /// The details that a new activity has (DET-01, DET-03).
    pub(crate) fn inherited_details(&self) -> Option<Bytes> {
        if self.has(Defect::DetailsAreInherited) {
            return Some(Bytes::from_static(b"of another one"));
        }
        None
    }

    /// The members of a call that are refused for what they bring (LIM-06).
    pub(crate) fn refusals(&self, refusals: Refusals) -> Refusals {
        if self.has(Defect::DetailsAreUnlimited) {
            return Refusals::default();
        }
        refusals
    }

    /// Keeps what a lease brings that is not held (DET-02).
    pub(crate) fn keep_late(&mut self, lease: &Lease, details: Option<&Bytes>) {
        if !self.has(Defect::LostLeasesLeaveDetails) {
            return;
        }
        match lease {
            Lease::Turn(lease) => {
                if let Some(instance) = self.instances.get_mut(&lease.instance) {
                    instance.note = details.cloned();
                }
            }
            Lease::Activity(lease) => {
                let arrival = self.next_arrival();
                if let Some(mut activity) = self.activities.remove(&lease.key) {
                    activity.details = details.cloned();
                    self.activities.put(lease.key.clone(), arrival, activity);
                }
            }
        }
    }

    /// Whether a turn is believed though its lease is not held (FEN-01, FEN-02).
    pub(crate) fn trusts(
        &self,
        instance: &Instance,
        lease: LeaseToken,
        position: Position,
    ) -> bool {
        let Instance { hold, head, .. } = instance;
        self.has(Defect::CommitIgnoresToken)
            || self.has(Defect::CommitIgnoresExpiry) && hold.is_of(lease)
            || self.has(Defect::PositionBeforeLease) && head.position != position
    }

    /// Whether a turn without a lease is believed though the instance is not free (FEN-07).
    pub(crate) fn trusts_unleased(
        &self,
        instance: &Instance,
        incarnation: Incarnation,
        position: Position,
    ) -> bool {
        let Instance { hold, head, .. } = instance;
        let is_of_life = head.incarnation == incarnation;
        let is_leased = hold.holder(self.now_ms).is_some();
        let is_held_back = !is_leased && self.now_ms < hold.until_ms;
        self.has(Defect::UnleasedIgnoresLeases) && is_of_life && is_leased
            || self.has(Defect::UnleasedIgnoresBackOff) && is_of_life && is_held_back
            || self.has(Defect::UnleasedIgnoresLife) && !is_leased && !is_held_back
            || self.has(Defect::UnleasedPositionFirst) && head.position != position
    }

    /// Whether a turn without a lease is refused though the instance is free (FEN-07).
    pub(crate) fn distrusts_unleased(&self, instance: &Instance) -> bool {
        self.has(Defect::UnleasedFearsTheExpired) && instance.hold.last_holder().is_some()
    }

    /// Whether an outcome is believed though its lease is not held (ACT-04).
    pub(crate) fn trusts_outcome(&self, lease: &ActivityLease) -> bool {
        let activity = self.activities.get(&lease.key);
        self.has(Defect::OutcomeSendsAnyway)
            || self.has(Defect::OutcomeIgnoresExpiry)
                && activity.is_some_and(|it| it.hold.is_of(lease.token))
    }

    /// Whether an instance that has ended takes mail (STA-06).
    pub(crate) fn takes_all_the_same(&self, error: ProviderError) -> Result<(), ProviderError> {
        if error.kind() == ErrorKind::Ended && self.has(Defect::EndedTakeMail) {
            return Ok(());
        }
        Err(error)
    }

    /// Whether a claim that names this instance leaves it alone (CLM-14).
    pub(crate) fn spares_named(&self, instance: &Instance, request: &ClaimTurns) -> bool {
        let has_work = instance.claimable_from_ms() <= Some(self.now_ms)
            && instance.claimable_from_ms().is_some();
        self.has(Defect::NamedHaveWork) && !has_work
            || self.has(Defect::NamedAreAlive) && instance.head.status.is_terminal()
            || self.has(Defect::NamedAreOfTheQueue)
                && !request.queues.contains(&instance.head.queue)
    }

    /// Whether a turn may not open an instance that has ended (EXE-04).
    pub(crate) fn distrusts_opening(&self, turn: &TurnCommit, position: Position) -> bool {
        let is_unleased = matches!(turn.fence, Fence::Unleased { .. });
        (self.has(Defect::OpeningIsRefused) || self.has(Defect::OpeningWantsAClaim) && is_unleased)
            && check::opens_ended(turn, position)
    }

    /// Whether a turn opens the next execution of an instance that has not ended (EXE-03).
    pub(crate) fn opens_all_the_same(&self, error: ProviderError) -> Result<(), ProviderError> {
        if self.has(Defect::OpeningIsUnchecked) {
            return Ok(());
        }
        Err(error)
    }

    /// Refuses what [`Defect::CancelWantsAnActivity`] does (CAN-04).
    pub(crate) fn check_cancelled(
        &self,
        turn: &TurnCommit,
        incarnation: Incarnation,
    ) -> Result<(), ProviderError> {
        if !self.has(Defect::CancelWantsAnActivity) {
            return Ok(());
        }
        for cancel in &turn.cancelled {
            let ActivityCancel::One {
                execution,
                activity_id,
            } = *cancel
            else {
                continue;
            };
            let key = ActivityKey {
                instance: turn.instance.clone(),
                incarnation,
                execution,
                activity_id,
            };
            if self.activities.get(&key).is_none() {
                let message = "there is no such activity";
                return Err(refusal::invalid("commit", &turn.instance, message));
            }
        }
        Ok(())
    }

    /// Looks at whatever a claim need not look at (CLM-05).
    pub(crate) fn look_around(&self) {
        if self.has(Defect::ClaimReadsEveryInstance) {
            let with_messages =
                |it: &&Instance| it.inbox.work_ms(&it.head.awaited) <= Some(self.now_ms);
            black_box(self.instances.values().filter(with_messages).count());
        }
        if self.has(Defect::ClaimReadsEveryActivity) {
            black_box(self.activities.claimable(self.now_ms));
        }
    }

    /// Looks at whatever maintenance need not look at, and removes what it need not (EXP-02, EXP-03).
    pub(crate) fn maintain_too_much(&mut self) {
        if self.has(Defect::MaintenanceReadsEveryInstance) {
            let expired = |it: &&Instance| it.head.expires_at_ms <= Some(self.now_ms);
            black_box(self.instances.values().filter(expired).count());
        }
        if self.has(Defect::MaintenanceRemovesTheEnded) {
            let ended = self.instances.values().map(|it| &it.head);
            let ended = ended.filter(|head| head.status.is_terminal());
            let ended: Vec<InstanceId> = ended.map(|head| head.instance.clone()).collect();
            for id in ended {
                self.remove(&id);
            }
        }
    }

    /// When an instance expires after a turn, as a provider with defects has it (EXP-01).
    pub(crate) fn spoil_expiry(
        &self,
        turn: &TurnCommit,
        before: Option<u64>,
        after: &mut Option<u64>,
    ) {
        let is_empty = turn.executions.is_empty();
        let may_expire = turn.expire_after.map(|it| self.after(it));
        if self.has(Defect::AnyTurnExpires) {
            *after = after.or(may_expire);
        }
        if self.has(Defect::ExpiryIsForgotten) && is_empty {
            *after = None;
        }
        let head = self.instances.get(&turn.instance).map(|it| &it.head);
        let opens = head.is_some_and(|head| check::opens_ended(turn, head.position));
        if self.has(Defect::ReopenedExpire) && !is_empty || self.has(Defect::OpenedExpire) && opens
        {
            *after = after.or(before);
        }
    }

    /// What [`Defect::PoisonStopsOthers`] leaves of a claim.
    pub(crate) fn stop_behind_poison(&self, due: &mut Vec<InstanceId>) {
        const ATTEMPTS_MAX: u32 = 3;
        let stored = |id| self.instances.get(id);
        let is_poison = |id| stored(id).is_some_and(|it| it.attempts >= ATTEMPTS_MAX);
        if let Some(place) = due.iter().position(is_poison) {
            due.truncate(place + 1);
        }
    }

    /// What a claim takes of the fronts of its queues.
    pub(crate) fn share_out<T>(&self, mut fronts: Fronts<T>, items_max: usize) -> Due<T> {
        if self.has(Defect::QueuesHaveNoShares) {
            let mut all: Vec<_> = fronts.into_iter().flatten().collect();
            all.sort_by_key(|(slot, _)| *slot);
            fronts = vec![all];
        }
        if self.has(Defect::SharesAreNotPassedOn) {
            let share = share::of_queue(items_max, fronts.len());
            fronts.iter_mut().for_each(|front| front.truncate(share));
        }
        Due::of(fronts, items_max)
    }

    /// Takes the instance from among the ready ones, whatever is in its inbox.
    pub(crate) fn forget_arrivals(&mut self, id: &InstanceId) {
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        if let Some(slot) = instance.slot.take() {
            self.ready.remove(&instance.head.queue, slot);
        }
    }

    /// What a store forgot that kept a part of it in its process.
    pub(crate) fn reopen(&mut self) {
        if self.has(Defect::ReopenForgetsDetails) {
            self.activities.forget_details();
        }
        let mut forgetful = Vec::new();
        for instance in self.instances.values_mut() {
            if self.defects.has(Defect::ReopenForgetsAttempts) {
                instance.attempts = 0;
            }
            if self.defects.has(Defect::ReopenForgetsDetails) {
                instance.note = None;
            }
            if self.defects.has(Defect::ReopenForgetsCommits) {
                instance.head.commit_id = None;
            }
            if self.defects.has(Defect::ReopenForgetsMessages) {
                instance.inbox = Inbox::default();
                forgetful.push(instance.head.instance.clone());
            }
        }
        for id in forgetful {
            self.refresh(&id);
        }
    }
}

impl Basis {
    /// What [`Defect::LateCommitRevives`] takes a deleted instance for.
    pub(crate) fn of_another_life(position: Position) -> Self {
        let incarnation = Incarnation(Default::default());
        Self {
            incarnation,
            position,
        }
    }
}

impl Inbox {
    /// Forgets that the message is there, so that it can be stored again.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.places.remove(&id);
    }

    /// When the last message of a channel is due.
    pub(crate) fn latest_ms(&self, channel: &Channel) -> Option<u64> {
        let of_channel = self.iter().filter(|(_, it)| it.channel == *channel);
        of_channel.map(|(slot, _)| slot.at_ms).max()
    }
}
