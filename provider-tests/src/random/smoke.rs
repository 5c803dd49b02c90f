//! The least comparison.

use crate::support::Cx;

pub(crate) async fn the_reference_does_the_same(cx: &Cx) {
    let reference = cx.reference().await;
    for store in [cx, &reference] {
        store.start("a").await;
    }
    assert_eq!(cx.dump().await, reference.dump().await);
}
