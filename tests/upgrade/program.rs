//! The program: a shop, in an old and a new generation.

use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

use crate::generation::{Generation, Input, Inputs, New, Old, Payment};
use crate::ledger::{Ledger, Step};
use crate::order::is_declined;

type Text = Result<String, String>;

/// Both generations have it: the old one by its only name, the new one as the older version.
async fn order_1<I: Inputs>(ctx: OrchestrationContext, order: I::Order) -> Text {
    let number = order.order();
    let begun = until_charged::<I>(&ctx, number).await?;
    let parcel = parcel::<I>(&ctx, number).await?;
    Ok(format!("{begun} {parcel}"))
}

/// The new version tells the customer, and writes an invoice.
async fn order_2<I: Inputs>(ctx: OrchestrationContext, order: I::Order) -> Text {
    let number = order.order();
    let begun = until_charged::<I>(&ctx, number).await?;
    let parcel = parcel::<I>(&ctx, number).await?;
    let notified = step(&ctx, Step::Notify, number).await?;
    let invoice = ctx
        .schedule_sub_orchestration_typed::<_, String>("Invoice", &number)
        .into_sub_orchestration_typed::<String>()
        .await?;
    Ok(format!("{begun} {parcel} {notified} {invoice}"))
}

/// What orders of all versions begin with.
async fn until_charged<I: Inputs>(ctx: &OrchestrationContext, number: u32) -> Text {
    let reservation = I::Reservation::of(number);
    let reserved = ctx
        .schedule_activity_typed::<_, String>("Reserve", &reservation)
        .into_activity_typed::<String>()
        .await?;
    let paid = ctx.schedule_wait("Paid").into_event().await;
    let charged = ctx
        .schedule_activity_typed::<_, String>("Charge", &Payment::of(number))
        .into_activity_typed::<String>()
        .await;
    let charged = match charged {
        Ok(charged) => charged,
        Err(declined) => {
            let given_back = step(ctx, Step::GiveBack, number).await?;
            return Err(format!("{declined}: {reserved} {given_back}"));
        }
    };
    ctx.schedule_timer(Duration::from_millis(30))
        .into_timer()
        .await;
    Ok(format!("{reserved} {paid} {charged}"))
}

async fn parcel<I: Inputs>(ctx: &OrchestrationContext, number: u32) -> Text {
    ctx.schedule_sub_orchestration_typed::<_, String>("Ship", &I::Parcel::of(number))
        .into_sub_orchestration_typed::<String>()
        .await
}

/// A child of both generations.
async fn ship<I: Inputs>(ctx: OrchestrationContext, parcel: I::Parcel) -> Text {
    let packed = step(&ctx, Step::Pack, parcel.order()).await?;
    ctx.schedule_timer(Duration::from_millis(20))
        .into_timer()
        .await;
    let sent = step(&ctx, Step::Send, parcel.order()).await?;
    Ok(format!("{packed} {sent}"))
}

/// A new orchestration, on its own and as a child.
async fn invoice(ctx: OrchestrationContext, number: u32) -> Text {
    step(&ctx, Step::Bill, number).await
}

/// An orchestration that the new code does without.
async fn legacy(ctx: OrchestrationContext, number: u32) -> Text {
    closing::<Old>(ctx, number, Step::Archive).await
}

/// An orchestration of both. The new code has lost its activity.
async fn review<I: Inputs>(ctx: OrchestrationContext, number: u32) -> Text {
    closing::<I>(ctx, number, Step::Audit).await
}

async fn closing<I: Inputs>(ctx: OrchestrationContext, number: u32, last: Step) -> Text {
    let reservation = I::Reservation::of(number);
    let reserved = ctx
        .schedule_activity_typed::<_, String>("Reserve", &reservation)
        .into_activity_typed::<String>()
        .await?;
    let closed = ctx.schedule_wait("Closed").into_event().await;
    let last = step(&ctx, last, number).await?;
    Ok(format!("{reserved} {closed} {last}"))
}

/// An activity whose input is the order's number and nothing else.
async fn step(ctx: &OrchestrationContext, step: Step, number: u32) -> Text {
    ctx.schedule_activity_typed::<_, String>(format!("{step:?}"), &number)
        .into_activity_typed::<String>()
        .await
}

/// The orchestrations of a generation.
pub(crate) fn orchestrations(generation: Generation) -> OrchestrationRegistry {
    let builder = OrchestrationRegistry::builder();
    match generation {
        Generation::Old => builder
            .register_typed("Order", order_1::<Old>)
            .register_typed("Ship", ship::<Old>)
            .register_typed("Review", review::<Old>)
            .register_typed("Legacy", legacy),
        Generation::New => builder
            .register_typed("Order", order_1::<New>)
            .register_versioned_typed("Order", "2.0.0", order_2::<New>)
            .register_typed("Ship", ship::<New>)
            .register_typed("Review", review::<New>)
            .register_typed("Invoice", invoice),
    }
    .build()
}

/// The activities of a generation, which act on this world.
pub(crate) fn activities(generation: Generation, ledger: &Arc<Ledger>) -> ActivityRegistry {
    match generation {
        Generation::Old => activities_of::<Old>(ledger, &[Step::Archive, Step::Audit]),
        Generation::New => activities_of::<New>(ledger, &[Step::Archive, Step::Notify, Step::Bill]),
    }
}

fn activities_of<I: Inputs>(ledger: &Arc<Ledger>, further: &[Step]) -> ActivityRegistry {
    let world = Arc::clone(ledger);
    let reserve = move |_: ActivityContext, reservation: I::Reservation| {
        let receipt = world.take(reservation.order(), Step::Reserve, I::GENERATION);
        async move { Text::Ok(receipt) }
    };
    let world = Arc::clone(ledger);
    let charge = move |_: ActivityContext, payment: Payment| {
        let receipt = world.take(payment.order, Step::Charge, I::GENERATION);
        async move {
            if is_declined(payment.order) {
                Err(format!("declined {receipt}"))
            } else {
                Ok(receipt)
            }
        }
    };
    let mut builder = ActivityRegistry::builder()
        .register_typed("Reserve", reserve)
        .register_typed("Charge", charge);
    for step in [Step::GiveBack, Step::Pack, Step::Send]
        .iter()
        .chain(further)
    {
        let (world, step) = (Arc::clone(ledger), *step);
        let act = move |_: ActivityContext, number: u32| {
            let world = Arc::clone(&world);
            async move {
                if step == Step::Bill {
                    world.bills_are_written().await;
                }
                Text::Ok(world.take(number, step, I::GENERATION))
            }
        };
        builder = builder.register_typed(format!("{step:?}"), act);
    }
    builder.build()
}
