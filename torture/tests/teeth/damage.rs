//! The ways in which a store and its ledger are damaged.

use std::fs::{self, OpenOptions};

use rusqlite::Connection;

use crate::finished::Copied;

/// One way.
pub(crate) struct Damage {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    /// What the check says of it, among other things.
    pub(crate) found_as: &'static str,
}

pub(crate) enum How {
    /// In the store.
    Sql(&'static str),
    /// The file of the store loses its last page.
    Truncate,
    /// In the ledger: lines are added.
    Add(&'static str),
    /// In the ledger: lines that begin so are gone.
    Remove(&'static str),
    /// In the ledger: the first line that begins so ends otherwise.
    Falsify(&'static str),
}

impl How {
    pub(crate) fn apply(&self, copy: &Copied) {
        match self {
            Self::Sql(statement) => {
                let database = Connection::open(copy.database()).unwrap();
                let changed = database.execute(statement, []).unwrap();
                assert_ne!(changed, 0, "{statement}");
            }
            Self::Truncate => {
                const PAGE: u64 = 4096;
                let file = OpenOptions::new().write(true).open(copy.database());
                let file = file.unwrap();
                file.set_len(file.metadata().unwrap().len() - PAGE).unwrap();
            }
            Self::Add(lines) => edit(copy, |text| format!("{text}{lines}")),
            Self::Remove(start) => edit(copy, |text| {
                let rest = text.lines().filter(|line| !line.starts_with(start));
                rest.map(|line| format!("{line}\n")).collect()
            }),
            Self::Falsify(start) => edit(copy, |text| {
                let line = text.lines().find(|line| line.starts_with(start)).unwrap();
                text.replace(&format!("{line}\n"), &format!("{line}, or not\n"))
            }),
        }
    }
}

fn edit(copy: &Copied, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(copy.ledger()).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    fs::write(copy.ledger(), changed).unwrap();
}

pub(crate) const DAMAGES: &[Damage] = &[
    Damage {
        name: "an instance that is lost",
        how: How::Sql(
            "DELETE FROM instance
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Chain-%')",
        ),
        found_as: "it is \"not there\"",
    },
    Damage {
        name: "a child that is lost",
        how: How::Sql(
            "DELETE FROM instance
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Children-%::%')",
        ),
        found_as: "it has 1 children",
    },
    Damage {
        name: "an instance that nobody asked for",
        how: How::Sql(
            "UPDATE instance SET id = 'Stranger-1'
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Timer-%')",
        ),
        found_as: "Stranger-1: nobody asked for it",
    },
    Damage {
        name: "an instance that stands still",
        how: How::Sql(
            "UPDATE instance SET status = 1, output = NULL
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'FanOut-%')",
        ),
        found_as: "it is \"running\"",
    },
    Damage {
        name: "a child that stands still",
        how: How::Sql(
            "UPDATE instance SET status = 1, output = NULL
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Children-%::%')",
        ),
        found_as: "its status is Running",
    },
    Damage {
        name: "an end that is another one",
        how: How::Sql(
            "UPDATE instance SET output = (SELECT output FROM instance WHERE id LIKE 'Saga-%')
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Retry-%')",
        ),
        found_as: "it is \"completed: undone\" and not \"completed: given up\"",
    },
    Damage {
        name: "a history without its end",
        how: How::Sql(
            "DELETE FROM history WHERE rid =
             (SELECT max(rid) FROM history JOIN instance USING (ino) WHERE id LIKE 'Chain-%')",
        ),
        found_as: "its history does not end once",
    },
    Damage {
        name: "a history without its beginning",
        how: How::Sql(
            "DELETE FROM history WHERE rid =
             (SELECT min(rid) FROM history JOIN instance USING (ino) WHERE id LIKE 'Saga-%')",
        ),
        found_as: "event 1 has the number",
    },
    Damage {
        name: "a child's history without its end",
        how: How::Sql(
            "DELETE FROM history WHERE rid =
             (SELECT max(rid) FROM history JOIN instance USING (ino) WHERE id LIKE 'Children-%::%')",
        ),
        found_as: "its history does not end once",
    },
    Damage {
        name: "an execution that was forgotten",
        how: How::Sql(
            "DELETE FROM history WHERE execution = 2 AND ino =
             (SELECT min(ino) FROM instance WHERE id LIKE 'Again-%')",
        ),
        found_as: "its history does not begin once",
    },
    Damage {
        name: "the history of another run, with other steps",
        how: How::Sql(
            "UPDATE instance SET orchestration = 'Chain'
             WHERE id = (SELECT min(id) FROM instance WHERE id LIKE 'Saga-%')",
        ),
        found_as: "it has 3 activities and not 5",
    },
    Damage {
        name: "a message that is left over",
        how: How::Sql(
            "INSERT INTO inbox (ino, channel, message_id, due_at, body)
             SELECT min(ino), 1, zeroblob(16), 0, zeroblob(1) FROM instance",
        ),
        found_as: "something is left over",
    },
    Damage {
        name: "a timer that is left over",
        how: How::Sql(
            "INSERT INTO inbox (ino, channel, message_id, due_at, body)
             SELECT min(ino), 1, zeroblob(16), 9000000000000, zeroblob(1) FROM instance",
        ),
        found_as: "something is left over",
    },
    Damage {
        name: "an activity that is left over",
        how: How::Sql(
            "INSERT INTO activity (ino, execution, activity_id, queue, claim_at, attempts, body)
             SELECT min(ino), 1, 99, '', 0, 0, zeroblob(1) FROM instance",
        ),
        found_as: "something is left over",
    },
    Damage {
        name: "a file that lost a page",
        how: How::Truncate,
        found_as: "FAILED",
    },
    Damage {
        name: "an acknowledged start that is not in the store",
        how: How::Add("ask-start Chain-999999 Chain\nstarted Chain-999999\n"),
        found_as: "Chain-999999: it is \"not there\"",
    },
    Damage {
        name: "an event that is recorded more often than it was raised",
        how: How::Remove("ask-raise Events-"),
        found_as: "and recorded 1 times",
    },
    Damage {
        name: "an end that is not the one a client saw",
        how: How::Falsify("ended Timer-"),
        found_as: "and its client saw Some(\"completed: before after, or not\")",
    },
    Damage {
        name: "an end that no client saw",
        how: How::Remove("ended Children-"),
        found_as: "and its client saw None",
    },
];
