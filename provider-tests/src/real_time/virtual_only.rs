//! The cases that only a clock that is moved by hand can run.

/// The ids of the cases that the harness skips on real time, with the reason.
pub const VIRTUAL_TIME_ONLY: &[(&str, &str)] = &[(
    "required::dly::many_timers_fire_in_order",
    "a thousand timers that fire by the hundred take a thousand seconds, to the second",
)];

/// Why this case cannot run on real time, if it cannot.
pub(crate) fn needs_virtual_time(id: &str) -> Option<&'static str> {
    let mut cases = VIRTUAL_TIME_ONLY.iter();
    cases
        .find(|(case, _)| *case == id)
        .map(|(_, reason)| *reason)
}
