//! How the catalogue becomes tests, and how it becomes a registry.

/// Makes each case of the declared profiles a `#[test]` of its own.
///
/// `subject` is an expression that makes a [`Subject`](crate::Subject); it is evaluated once for
/// each test. A profile that is not declared generates no test, and a test checks the declaration
/// against what the provider's capabilities say.
///
/// A store that needs a server adds `needs = "needs a … server: what to install or to set"`. Its tests are ignored
/// by a plain `cargo test`, which shows this text, and run by `cargo test -- --include-ignored`.
#[macro_export]
macro_rules! conformance_tests {
    (subject = $subject:expr, profiles = [$($profile:ident),+ $(,)?] $(,)?) => {
        $crate::__conformance! { $subject, [$($profile),+], () }
    };
    (
        subject = $subject:expr,
        profiles = [$($profile:ident),+ $(,)?],
        needs = $needs:literal $(,)?
    ) => {
        $crate::__conformance! { $subject, [$($profile),+], (#[ignore = $needs]) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($subject:expr, [$($profile:ident),+], $attributes:tt) => {
        fn subject() -> $crate::Subject {
            $subject
        }

        $( $crate::__catalogue! { $profile, __tests, $attributes } )+

        $crate::__test! {
            $attributes
            fn declared_profiles_match_capabilities() {
                $crate::check_declaration(&subject(), &[$( $crate::__profile!($profile) ),+]);
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    (($(#[$attribute:meta])*) $test:item) => {
        #[test]
        $(#[$attribute])*
        $test
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (
        $attributes:tt
        $profile:ident $($area:ident { $($case:ident [$($clause:literal)+]),+ $(,)? })+
    ) => {
        mod $profile {
            $(
                mod $area {
                    $(
                        $crate::__test! {
                            $attributes
                            fn $case() {
                                $crate::run_named(
                                    concat!(
                                        stringify!($profile), "::",
                                        stringify!($area), "::",
                                        stringify!($case),
                                    ),
                                    &super::super::subject(),
                                );
                            }
                        }
                    )+
                }
            )+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __registry {
    (() $profile:ident $($area:ident { $($case:ident [$($clause:literal)+]),+ $(,)? })+) => {
        &[$($(
            $crate::Case {
                id: concat!(
                    stringify!($profile), "::",
                    stringify!($area), "::",
                    stringify!($case),
                ),
                profile: $crate::__profile!($profile),
                clauses: &[$($clause),+],
                run: |cx| Box::pin($crate::cases::$area::$case(cx)),
            },
        )+)+]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __profile {
    (required) => {
        $crate::Profile::Required
    };
    (management) => {
        $crate::Profile::Management
    };
    (durable) => {
        $crate::Profile::Durable
    };
    (multi_handle) => {
        $crate::Profile::MultiHandle
    };
    (end_to_end) => {
        $crate::Profile::EndToEnd
    };
    (random) => {
        $crate::Profile::Random
    };
}
