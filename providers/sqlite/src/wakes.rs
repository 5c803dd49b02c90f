//! What makes an instance claimable, and from when on.

use rusqlite::Row;

/// When the first message of each kind is due that may wake an instance: of mail only what it awaits,
/// and while it is suspended control alone (CLM-01, MAI-05, SUS-01).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wakes {
    pub(crate) control_ms: Option<u64>,
    pub(crate) system_ms: Option<u64>,
    pub(crate) mail_ms: Option<u64>,
}

impl Wakes {
    /// Reads the columns `control_at, system_at, mail_at`, from this one on.
    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            control_ms: row.get(column)?,
            system_ms: row.get(column + 1)?,
            mail_ms: row.get(column + 2)?,
        })
    }

    /// From when on the instance may be claimed that nobody has leased and a release holds back until
    /// this time. A control message ends the delay of a release (LEA-06).
    pub(crate) fn claimable_from_ms(self, hold_until_ms: u64) -> Option<u64> {
        let work_ms = earlier(self.system_ms, self.mail_ms);
        earlier(self.control_ms, work_ms.map(|ms| ms.max(hold_until_ms)))
    }
}

/// The earlier of two times, where there is one.
pub(crate) fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_holds_back_everything_but_control() {
        let mut wakes = Wakes::default();
        assert_eq!(wakes.claimable_from_ms(7), None);
        wakes.mail_ms = Some(5);
        assert_eq!(wakes.claimable_from_ms(7), Some(7));
        wakes.system_ms = Some(4);
        assert_eq!(wakes.claimable_from_ms(0), Some(4));
        wakes.control_ms = Some(6);
        assert_eq!(wakes.claimable_from_ms(7), Some(6));
    }
}
