//! Capabilities.

use duroxide_core::providers::ProviderInfo;

use crate::support::Cx;

/// A provider introduces itself, and what it declares does not change.
pub(crate) async fn a_provider_says_what_it_is(cx: &Cx) {
    let about = cx.provider().about();
    assert_eq!(about.contract, ProviderInfo::CONTRACT);
    assert!(!about.name.is_empty() && !about.version.is_empty());
    let capabilities = cx.provider().capabilities();
    let limits = capabilities.limits;
    assert!(limits.core_state_bytes_max >= 1_024, "core needs as much");
    assert!(limits.body_bytes_max <= limits.commit_bytes_max);
    assert!(limits.commit_operations_max >= 1);
    assert!(limits.history_events_max >= 2);

    cx.running("a").await;

    assert_eq!(cx.provider().capabilities(), capabilities);
    assert_eq!(cx.provider().about(), about);
}
