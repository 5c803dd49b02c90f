//! How the catalogue becomes tests, and how it becomes a registry.

/// Makes each case of the declared profiles a `#[test]` of its own.
///
/// `fixture` is an expression that makes a [`Fixture`](crate::Fixture); it is evaluated once for
/// each test. A profile that is not declared generates no test, and a test checks the declaration
/// against what the provider's capabilities say.
#[macro_export]
macro_rules! conformance_tests {
    (fixture = $fixture:expr, profiles = [$($profile:ident),+ $(,)?] $(,)?) => {
        fn fixture() -> impl $crate::Fixture {
            $fixture
        }

        $( $crate::__catalogue! { $profile, __tests, () } )+

        #[test]
        fn declared_profiles_match_capabilities() {
            $crate::check_declaration(&fixture(), &[$( $crate::__profile!($profile) ),+]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (() $profile:ident $($area:ident { $($case:ident [$($clause:literal)+]),+ $(,)? })+) => {
        mod $profile {
            $(
                mod $area {
                    $(
                        #[test]
                        fn $case() {
                            $crate::run_named(
                                concat!(
                                    stringify!($profile), "::",
                                    stringify!($area), "::",
                                    stringify!($case),
                                ),
                                super::super::fixture(),
                            );
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
}
