//! The cases that only a clock that is moved by hand can run.

/// The ids of the cases that the harness skips on real time, with the reason.
pub const VIRTUAL_TIME_ONLY: &[(&str, &str)] = &[
    (
        "required::dly::many_timers_fire_in_order",
        "a thousand timers that fire by the hundred take a thousand seconds, to the second",
    ),
    ("required::dly::a_delay_is_rounded_up", FRACTIONS),
    ("required::lea::a_lease_is_rounded_up", FRACTIONS),
    (
        "random::model::the_reference_does_the_same",
        "two stores do the same at the same moments only if both clocks stand still meanwhile",
    ),
    (
        "required::exp_cost::maintenance_looks_at_nobody_who_stays",
        "instances expire in two stores in turn, some hundred times",
    ),
    ("end_to_end::lives::an_expired_instance_is_gone", HOURS),
    (
        "end_to_end::lives::children_expire_as_their_parent_does",
        HOURS,
    ),
    (
        "end_to_end::lives::a_runtime_lets_what_it_ends_expire",
        HOURS,
    ),
    (
        "random::pairs::replacements_are_atomic",
        LEASES_OF_MANY_STORES,
    ),
    ("random::pairs::claims_are_atomic", LEASES_OF_MANY_STORES),
    ("random::pairs::commits_are_atomic", LEASES_OF_MANY_STORES),
    ("random::pairs::sends_are_atomic", LEASES_OF_MANY_STORES),
    (
        "random::pairs::renewals_and_releases_are_atomic",
        LEASES_OF_MANY_STORES,
    ),
    (
        "random::pairs::waits_and_deletions_are_atomic",
        LEASES_OF_MANY_STORES,
    ),
];

const FRACTIONS: &str = "a fraction of a millisecond passes before anybody can look";

const HOURS: &str = "nothing expires within an hour, which is too long to wait for";

const LEASES_OF_MANY_STORES: &str =
    "it lets the leases of several hundred stores pass, one after the other";

/// Why this case cannot run on real time, if it cannot.
pub(crate) fn needs_virtual_time(id: &str) -> Option<&'static str> {
    let mut cases = VIRTUAL_TIME_ONLY.iter();
    cases
        .find(|(case, _)| *case == id)
        .map(|(_, reason)| *reason)
}
