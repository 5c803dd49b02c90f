//! The hook for panics is lent, and given back. Alone in its process, since there is one hook.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use async_trait::async_trait;
use duroxide_provider_tests::{Console, Fixture, Store, Subject, Unavailable, main_on};

/// Panics where a case does, and on a thread that is nobody's.
struct Panicking;

#[async_trait]
impl Fixture for Panicking {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        thread::spawn(|| panic!("of another thread"))
            .join()
            .unwrap_err();
        panic!("of a case");
    }
}

#[test]
fn the_hook_is_quiet_for_cases_only_and_comes_back() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));

    let arguments = ["--clause=LEA-03", "--jobs=2"].map(str::to_owned);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let console = Console::plain(&mut out, &mut err);
    let code = main_on(console, Subject::new(Panicking), arguments);
    let during = heard.load(Ordering::Relaxed);
    thread::spawn(|| panic!("after the run"))
        .join()
        .unwrap_err();
    let after = heard.load(Ordering::Relaxed);

    std::panic::set_hook(before);
    assert_eq!(code, ExitCode::FAILURE);
    assert_eq!(during, 1, "the panic of the thread that is no case's");
    assert_eq!(after, 2, "and the one after the run");
}
