//! The faults that durable stores are known for, and those of them that cannot be shown here.

/// Each fault by its number.
pub(super) const FAULTS: &[(u8, &str)] = &[
    (1, "a commit is taken without the token of its lease"),
    (2, "a commit is taken after its lease has expired"),
    (3, "a commit is taken though the history has moved on"),
    (
        4,
        "a commit is taken without its token and though the history has moved on",
    ),
    (
        5,
        "what was consumed is deleted in a transaction of its own",
    ),
    (6, "a commit deletes the whole inbox"),
    (7, "a commit deletes by time what it should delete by id"),
    (8, "a release does not see what arrived during the turn"),
    (9, "a send slips between a release's look and its write"),
    (
        10,
        "a claim returns an inbox that it read before it had the lease",
    ),
    (11, "a claim does not pass over what is leased"),
    (12, "a claim does not pass over what is not due"),
    (13, "nobody looks whether a lease has expired"),
    (14, "a lease has expired when it is given"),
    (15, "a lease is measured by the clocks of its callers"),
    (16, "a lost lease is renewed"),
    (17, "a renewal shortens"),
    (
        18,
        "an activity goes and its completion follows in a transaction of its own",
    ),
    (
        19,
        "a completion is sent though no activity was there to end",
    ),
    (20, "an outcome is taken after its lease has expired"),
    (21, "a release forgets its delay"),
    (22, "a release never takes its attempt back"),
    (23, "claims are not counted"),
    (24, "a timer fires at once"),
    (25, "a timer's delay counts twice"),
    (26, "a cancelled activity is claimed all the same"),
    (27, "cancelling and scheduling in one turn mix"),
    (28, "cancelling reaches another execution"),
    (29, "a new execution is shown the history of the old one"),
    (30, "a history is ordered as text is"),
    (31, "a history ends where its first page does"),
    (32, "a message that cannot be decoded vanishes"),
    (33, "a bad item blocks the head of the queue"),
    (34, "a second start begins the instance anew"),
    (35, "ids with separators in them are confused"),
    (36, "one rejected member rejects the batch"),
    (37, "the answers to a batch come in another order"),
    (38, "one batch holds two turns of one instance"),
    (39, "a dropped call leaves a transaction open"),
    (40, "a retry does it twice"),
    (41, "a stranger is told that his commit was done before"),
    (42, "an error half-way leaves the first half"),
    (43, "deleting leaves rows behind"),
    (44, "a late commit brings a deleted instance back"),
    (45, "pruning takes the current execution"),
    (46, "a relay delivers a message twice"),
    (
        47,
        "a commit of many parts is applied as far as one request goes",
    ),
    (48, "a claim trusts an index and does not look at the item"),
    (
        49,
        "a body in pieces is taken for whole without its last piece",
    ),
    (50, "the head is written though the fence failed"),
    (51, "a cache is trusted after a commit of unknown outcome"),
    (52, "an activity runs before its commit is known"),
    (53, "a turn ends an activity whose lease it does not hold"),
    (54, "a kept lease hides messages from others"),
    (
        55,
        "the durability that is reported is not the one that is given",
    ),
    (56, "waiters are told before there is something to see"),
    (57, "messages of one millisecond lose their order"),
    (
        58,
        "a lease of a node's earlier life is taken for one of its present life",
    ),
    (59, "a filter is forgotten when a lease expires"),
    (60, "a claim fails and keeps the lease"),
    (61, "what was acknowledged is written when the handle goes"),
    (62, "a claim is not as durable as a commit"),
];

/// The faults without a mutant, with the reason.
pub(super) const NOT_APPLICABLE: &[(u8, &str)] = &[
    (
        15,
        "the in-memory store has one clock; the callers' clocks are the matter of a backend that \
         goes by them",
    ),
    (51, "the cache is the runtime's, not the provider's"),
    (
        52,
        "the runtime decides when an activity runs, not the provider",
    ),
    (54, "every commit ends its lease"),
    (
        58,
        "the contract knows no leases of nodes; every lease has its own random proof (LEA-02)",
    ),
    (
        60,
        "ERR-03 has no case, since it needs a fault between the lease and the answer",
    ),
];
