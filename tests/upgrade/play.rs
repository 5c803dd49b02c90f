//! What happens, in order: the code is exchanged forth, back and forth again.
//!
//! Each act waits for what it says and not for time to pass, so that what happens to an order does
//! not depend on how fast the machine is: those of the first act are begun by old code and go on
//! with new code, those of the third the other way round.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::{Clock as _, SystemClock};
use duroxide::{Client, OrchestrationStatus, StartOptions};

use crate::fleet::{Exit, Fleet};
use crate::generation::{Generation, Input as _, NewOrder, OldOrder};
use crate::ledger::{Ledger, Step};
use crate::order::{Kind, Order};
use crate::place::Place;
use crate::verdict;

/// How many orchestrations there are, children apart.
const ORDERS: u32 = 500;

/// How long anything may take before the test fails, far beyond what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked whether something has come.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The customers, and what they have asked for.
struct Customers<'a> {
    client: &'a Client,
    ledger: &'a Ledger,
    orders: Vec<Order>,
    /// How many of them were told what they wait for.
    told: usize,
}

/// The whole play, on an empty store.
pub(crate) async fn run(place: &Place) {
    let ledger = Arc::new(Ledger::new());
    let store = place.open().await;
    let client = Client::new(Arc::clone(&store));
    let mut fleet = Fleet::start(place, &ledger, Generation::Old).await;
    let mut customers = Customers {
        client: &client,
        ledger: &ledger,
        orders: Vec::new(),
        told: 0,
    };
    customers.forth(&mut fleet).await;
    customers.back(&mut fleet).await;
    customers.forth_again(&mut fleet).await;
    assert_eq!(customers.orders.len(), ORDERS as usize);
    for order in &customers.orders {
        let instance = order.instance();
        let ended = client.wait_for_orchestration(&instance, PATIENCE).await;
        assert!(ended.is_ok(), "{order:?}: {ended:?}");
    }
    verdict::check(&client, &*store, &ledger, &customers.orders).await;
    fleet.stop().await;
    store.close().await;
}

impl Customers<'_> {
    /// Old nodes, then old and new ones, then new ones.
    async fn forth(&mut self, fleet: &mut Fleet<'_>) {
        let first = self
            .ask(&[(Kind::Order, 100), (Kind::Legacy, 20), (Kind::Review, 20)])
            .await;
        self.until(&first, Step::Reserve, 140).await;
        fleet.exchange(0, Generation::New, Exit::Orderly).await;
        self.ask(&[(Kind::Order, 40)]).await;
        fleet.exchange(1, Generation::New, Exit::Crash).await;
        self.ask(&[(Kind::Order, 40), (Kind::Invoice, 10)]).await;
        fleet.exchange(2, Generation::New, Exit::Orderly).await;

        // What old code began goes on with new code. Nobody has the code of `Legacy` and the
        // activity of `Review` any more, and bills are not written yet.
        self.tell(first.len()).await;
        let third = self
            .ask(&[(Kind::Order, 60), (Kind::Order1, 40), (Kind::Invoice, 20)])
            .await;
        // Of the others some may rest until the leases of a crashed node have passed.
        self.until(&first, Step::Charge, 60).await;
        self.until(&third, Step::Reserve, 100).await;
    }

    /// New nodes, then new and old ones, then old ones.
    async fn back(&mut self, fleet: &mut Fleet<'_>) {
        fleet.exchange(0, Generation::Old, Exit::Crash).await;
        self.ask(&[(Kind::Order, 20), (Kind::Order2, 10)]).await;
        fleet.exchange(1, Generation::Old, Exit::Orderly).await;
        self.ask(&[(Kind::Order, 20)]).await;
        fleet.exchange(2, Generation::Old, Exit::Orderly).await;

        // What new code began goes on with old code, where that has the version. What waited for
        // old code goes on to its end.
        self.tell(self.orders.len()).await;
        self.ask(&[(Kind::Order, 60)]).await;
        let orders = self.orders.clone();
        self.until(&of(&orders, Kind::Order1), Step::Charge, 40)
            .await;
        self.until(&of(&orders, Kind::Legacy), Step::Archive, 20)
            .await;
        self.until(&of(&orders, Kind::Review), Step::Audit, 20)
            .await;
    }

    /// Old nodes, then old and new ones, then new ones, which stay.
    async fn forth_again(&mut self, fleet: &mut Fleet<'_>) {
        fleet.exchange(0, Generation::New, Exit::Orderly).await;
        self.ask(&[(Kind::Order, 20)]).await;
        fleet.exchange(1, Generation::New, Exit::Crash).await;
        self.ask(&[(Kind::Order, 20)]).await;
        fleet.exchange(2, Generation::New, Exit::Crash).await;
        self.ledger.write_bills();
        self.tell(self.orders.len()).await;
    }

    /// Starts so many of each kind.
    async fn ask(&mut self, wanted: &[(Kind, usize)]) -> Vec<Order> {
        let first = self.orders.len();
        for (kind, count) in wanted {
            for _ in 0..*count {
                let number = u32::try_from(self.orders.len()).unwrap();
                self.orders.push(Order {
                    number,
                    kind: *kind,
                });
            }
        }
        let asked = self.orders[first..].to_vec();
        let client = self.client;
        each(&asked, |order| start(client, order)).await;
        asked
    }

    /// Tells the orders up to this one what they wait for.
    async fn tell(&mut self, up_to: usize) {
        let client = self.client;
        each(&self.orders[self.told..up_to], |order| async move {
            if let Some(event) = order.event() {
                let raised = client.raise_event(order.instance(), event, "yes");
                raised.await.map(drop).unwrap();
            }
        })
        .await;
        self.told = up_to;
    }

    /// Waits until so many of these orders have taken this step.
    async fn until(&self, orders: &[Order], step: Step, count: usize) {
        let what = format!("{step:?} of {count} of {} orders", orders.len());
        let look = async {
            while self.ledger.count(orders, step) < count {
                self.nothing_has_failed().await;
                SystemClock.sleep(LOOK_INTERVAL).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, look).await;
        assert!(
            in_time.is_ok(),
            "{what}: only {} within {PATIENCE:?}",
            self.ledger.count(orders, step)
        );
    }

    /// Nothing fails but by its own code.
    async fn nothing_has_failed(&self) {
        let failed = self
            .client
            .list_instances_by_status("Failed")
            .await
            .unwrap();
        let expected: Vec<String> = self
            .orders
            .iter()
            .filter(|order| order.fails())
            .map(|order| order.instance())
            .collect();
        if let Some(instance) = failed.iter().find(|it| !expected.contains(it)) {
            let status = self
                .client
                .get_orchestration_status(instance)
                .await
                .unwrap();
            match status {
                OrchestrationStatus::Failed { details } => {
                    panic!("{instance} was ended: {}", details.display_message())
                }
                other => panic!("{instance}: {other:?}"),
            }
        }
    }
}

async fn start(client: &Client, order: Order) {
    let (orchestration, version) = order.orchestration();
    let (instance, number) = (order.instance(), order.number);
    let input = match order.kind {
        // The customers' programs are of either generation, too.
        Kind::Order1 if number % 2 == 0 => serde_json::to_string(&OldOrder::of(number)),
        Kind::Order | Kind::Order1 | Kind::Order2 => serde_json::to_string(&NewOrder::of(number)),
        Kind::Invoice | Kind::Legacy | Kind::Review => serde_json::to_string(&number),
    };
    let options = StartOptions {
        version: version.map(str::to_owned),
        ..StartOptions::default()
    };
    let started = client.start_orchestration_with(instance, orchestration, input.unwrap(), options);
    started.await.map(drop).unwrap();
}

/// The orders of this kind.
fn of(orders: &[Order], kind: Kind) -> Vec<Order> {
    let is_it = |order: &&Order| order.kind == kind;
    orders.iter().filter(is_it).copied().collect()
}

/// Does this for each order, all at once.
async fn each<F: Future<Output = ()>>(orders: &[Order], act: impl Fn(Order) -> F) {
    futures_util::future::join_all(orders.iter().map(|order| act(*order))).await;
}
