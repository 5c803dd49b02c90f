//! Enums whose `Debug` output is the Rust expression that makes the value.

/// Declares enums that print themselves with their own name before the variant's, so that a failing
/// sequence can be pasted into a test, and that list the names of their variants in `KINDS`.
macro_rules! spoken {
    ($(
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $(
                $(#[$variant_attribute:meta])*
                $variant:ident $({
                    $( $(#[$field_attribute:meta])* $field:ident: $type:ty ),* $(,)?
                })?
            ),* $(,)?
        }
    )*) => { $(
        $(#[$attribute])*
        #[derive(Clone, PartialEq, Eq)]
        pub enum $name {
            $(
                $(#[$variant_attribute])*
                $variant $({ $( $(#[$field_attribute])* $field: $type ),* })?
            ),*
        }

        impl $name {
            /// The names of all variants.
            pub const KINDS: &'static [&'static str] = &[$(stringify!($variant)),*];
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(
                        Self::$variant $({ $($field),* })? => f
                            .debug_struct(concat!(stringify!($name), "::", stringify!($variant)))
                            $( $( .field(stringify!($field), $field) )* )?
                            .finish(),
                    )*
                }
            }
        }
    )* };
}
