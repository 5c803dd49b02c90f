//! Where a listing goes on.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ErrorKind, ProviderError};

/// Where the next page of a listing begins. Only the store that has given it knows what it says, and it
/// is good for the same request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PageCursor(pub Bytes);

impl PageCursor {
    /// The cursor that says this.
    #[must_use]
    pub fn of(place: &impl Serialize) -> Self {
        // What cannot be written cannot be read either, which is said then.
        Self(serde_json::to_vec(place).unwrap_or_default().into())
    }

    /// What the cursor says.
    ///
    /// # Errors
    /// `InvalidInput` for one that says something else.
    pub fn place<T: DeserializeOwned>(&self, operation: &'static str) -> Result<T, ProviderError> {
        serde_json::from_slice(&self.0).map_err(|error| {
            let message = "the cursor is none of this listing; pass the one of the page before, with \
                           the same request";
            ProviderError::new(ErrorKind::InvalidInput, operation, message).with_source(error)
        })
    }
}

impl fmt::Debug for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageCursor({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_what_it_was_made_of_and_nothing_else() {
        let cursor = PageCursor::of(&(7, "a"));
        assert_eq!(
            cursor.place::<(u64, String)>("list").unwrap(),
            (7, "a".to_owned())
        );
        let error = cursor.place::<String>("list").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("none of this listing"), "{error}");
    }
}
