//! What stands for a kind of server whose backend is not built in.

use std::future::{Ready, ready};
use std::sync::Arc;

use duroxide::providers::Provider;

use super::{Failure, Server};

const REMEDY: &str = "the backend is not built in; run `cargo bench --features postgres,redis`";

pub(super) fn find(_url: String, _place: String) -> Ready<Result<Box<dyn Server>, Failure>> {
    ready(Err(REMEDY.into()))
}

pub(super) fn open(_url: &str, _place: &str) -> Ready<Result<Arc<dyn Provider>, Failure>> {
    ready(Err(REMEDY.into()))
}
