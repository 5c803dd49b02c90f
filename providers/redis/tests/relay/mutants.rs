//! Protocols that are nearly right.

use super::truth::Violation;

/// What is wrong with a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    RollbackSeenByCounter,
    SkipsByNumber,
    ForgetsWhatIsDelivered,
    SourceMeasuresWindow,
    ForgetsByNumber,
    NoLostLink,
    OneLinkKept,
    TargetMeasuresWindow,
    GhostsStay,
    GoesBackUnasked,
    GoesBackToTheStart,
    ProgressApart,
    LinksRepeat,
}

/// A protocol with a defect.
pub(super) struct Mutant {
    pub(super) defect: Defect,
    pub(super) what: &'static str,
    /// The promise that one of the shortest ways breaks.
    pub(super) breaks: Violation,
}

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        defect: Defect::RollbackSeenByCounter,
        what: "A rollback of the source is noticed only if the target is ahead of its counter.",
        breaks: Violation::Stuck,
    },
    Mutant {
        defect: Defect::SkipsByNumber,
        what: "A target skips the numbers it has, and takes those that follow, of whichever past.",
        breaks: Violation::GhostCameAgain,
    },
    Mutant {
        defect: Defect::ForgetsWhatIsDelivered,
        what: "The source forgets what the target has, though it may lose it yet.",
        breaks: Violation::Forgotten,
    },
    Mutant {
        defect: Defect::SourceMeasuresWindow,
        what: "The source forgets what was confirmed a window ago, by a confirmation that was late.",
        breaks: Violation::Forgotten,
    },
    Mutant {
        defect: Defect::ForgetsByNumber,
        what: "The source forgets up to a number, whatever the target took under it.",
        breaks: Violation::Forgotten,
    },
    Mutant {
        defect: Defect::NoLostLink,
        what: "A target that has gone back stands where it stood before.",
        breaks: Violation::GhostCameAgain,
    },
    Mutant {
        defect: Defect::OneLinkKept,
        what: "A target knows the link of its last number only.",
        breaks: Violation::StartedOver,
    },
    Mutant {
        defect: Defect::TargetMeasuresWindow,
        what: "A target forgets links by its own clock, though the source may have lost the entries.",
        breaks: Violation::StartedOver,
    },
    Mutant {
        defect: Defect::GhostsStay,
        what: "A target goes back and keeps the messages.",
        breaks: Violation::NotOnceInOrder,
    },
    Mutant {
        defect: Defect::GoesBackUnasked,
        what: "A target goes back wherever it stands, when somebody says so late.",
        breaks: Violation::GaveUpWhatIsThere,
    },
    Mutant {
        defect: Defect::GoesBackToTheStart,
        what: "A target goes back to where the source begins, and not to where their ways part.",
        breaks: Violation::GaveUpWhatIsThere,
    },
    Mutant {
        defect: Defect::ProgressApart,
        what: "A target applies in one script and remembers in the next one.",
        breaks: Violation::NotOnceInOrder,
    },
    Mutant {
        defect: Defect::LinksRepeat,
        what: "A message that is sent again after a rollback has the link that it had before.",
        breaks: Violation::GaveUpWhatIsThere,
    },
];
