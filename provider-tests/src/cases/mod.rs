//! The cases, one file for each area of the contract.

pub(crate) mod act;
pub(crate) mod adm;
pub(crate) mod att;
pub(crate) mod can;
pub(crate) mod cap;
pub(crate) mod clm;
pub(crate) mod clm_cost;
pub(crate) mod com;
pub(crate) mod com_batch;
pub(crate) mod con;
pub(crate) mod cxl;
pub(crate) mod del;
pub(crate) mod det;
pub(crate) mod dly;
pub(crate) mod dur;
pub(crate) mod err;
pub(crate) mod exe;
pub(crate) mod exp;
pub(crate) mod exp_cost;
pub(crate) mod fam;
pub(crate) mod fen;
pub(crate) mod fen_atomic;
pub(crate) mod fen_standing;
pub(crate) mod fen_unleased;
pub(crate) mod hea;
pub(crate) mod his;
pub(crate) mod idm;
pub(crate) mod ins;
pub(crate) mod lea;
pub(crate) mod lim;
pub(crate) mod mai;
pub(crate) mod mnt;
pub(crate) mod msg;
pub(crate) mod named;
pub(crate) mod opened;
pub(crate) mod pages;
pub(crate) mod que;
pub(crate) mod sta;
pub(crate) mod sta_replace;
pub(crate) mod sus;
pub(crate) mod val;
pub(crate) mod wak;

pub(crate) use crate::end_to_end::{
    basics, cancellation, changed_types, children, delayed_starts, deployments, errors, events,
    executions, fan_outs, forks, grace, inspection, lives, looks, mailbox, nodes, operations,
    payloads, peers, poison, progress, queues, restarts, rewinds, rewound_ends, store_faults,
    suspension, timers, values, waits,
};
pub(crate) use crate::random::{model, pairs, workers};
