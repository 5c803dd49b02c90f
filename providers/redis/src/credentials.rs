//! Where the user and the password of a connection come from.

use std::fmt;

use async_trait::async_trait;

/// The user and the password of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user; `None` is the server's default one.
    pub username: Option<String>,
    /// The password, or a token in its place.
    pub password: String,
}

impl fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Asked before each connection is made, so that a password that has changed is found out by the next
/// one and no process has to be restarted.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The user and the password as they are now.
    ///
    /// # Errors
    /// Why they cannot be told; the connection is tried again later.
    async fn login(&self) -> Result<Login, Box<dyn std::error::Error + Send + Sync>>;
}
