//! What the registries hold: the users' functions behind one face.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::OrchestrationContext;
use crate::activity::ActivityContext;
use crate::codec;
use crate::unfit_input::UnfitInput;

/// The code of an orchestration.
#[async_trait]
pub trait OrchestrationHandler: Send + Sync {
    /// Runs it. It must be deterministic: everything it learns comes through the context.
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Result<String, String>;
}

/// The code of an activity.
#[async_trait]
pub trait ActivityHandler: Send + Sync {
    /// Runs it. It runs at least once for each time it is scheduled.
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String>;
}

/// A function as an orchestration.
pub struct FnOrchestration<F, Fut>(pub F)
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static;

#[async_trait]
impl<F, Fut> OrchestrationHandler for FnOrchestration<F, Fut>
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Result<String, String> {
        (self.0)(ctx, input).await
    }
}

impl<F, Fut> fmt::Debug for FnOrchestration<F, Fut>
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnOrchestration(..)")
    }
}

/// A function as an activity.
pub struct FnActivity<F, Fut>(pub F)
where
    F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static;

#[async_trait]
impl<F, Fut> ActivityHandler for FnActivity<F, Fut>
where
    F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String> {
        (self.0)(ctx, input).await
    }
}

impl<F, Fut> fmt::Debug for FnActivity<F, Fut>
where
    F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnActivity(..)")
    }
}

/// A function of typed input and output as an orchestration.
pub(super) fn typed_orchestration<In, Out, F, Fut>(
    name: String,
    function: F,
) -> Arc<dyn OrchestrationHandler>
where
    In: DeserializeOwned + 'static,
    Out: Serialize + 'static,
    F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Out, String>> + Send + 'static,
{
    Arc::new(FnOrchestration(
        move |ctx: OrchestrationContext, input: String| {
            let begun = match decode_input("orchestration", &name, &input) {
                Ok(input) => Ok(function(ctx, input)),
                Err(unfit) => Err(ctx.refuse_input(unfit)),
            };
            async move { codec::encode(&begun?.await?) }
        },
    ))
}

/// A function of typed input and output as an activity.
pub(super) fn typed_activity<In, Out, F, Fut>(name: String, function: F) -> Arc<dyn ActivityHandler>
where
    In: DeserializeOwned + 'static,
    Out: Serialize + 'static,
    F: Fn(ActivityContext, In) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Out, String>> + Send + 'static,
{
    Arc::new(FnActivity(move |ctx: ActivityContext, input: String| {
        let begun = match decode_input("activity", &name, &input) {
            Ok(input) => Ok(function(ctx, input)),
            Err(unfit) => Err(ctx.refuse_input(unfit)),
        };
        async move { codec::encode(&begun?.await?) }
    }))
}

fn decode_input<In: DeserializeOwned>(
    kind: &str,
    name: &str,
    input: &str,
) -> Result<In, UnfitInput> {
    codec::decode(input).map_err(|error| UnfitInput::new(format!("{kind} {name}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_typed_activity_decodes_and_encodes() {
        let double = typed_activity("Double".to_owned(), |_, number: u64| async move {
            Ok(number * 2)
        });
        let context = || ActivityContext::for_test("Double");
        assert_eq!(
            double.invoke(context(), "21".to_owned()).await,
            Ok("42".to_owned())
        );
        let error = double
            .invoke(context(), "many".to_owned())
            .await
            .unwrap_err();
        assert!(
            error.contains("activity Double") && error.contains("u64"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_typed_activity_passes_strings_and_errors_through() {
        let echo = typed_activity("Echo".to_owned(), |_, text: String| async move {
            if text == "bad" {
                Err("refused".to_owned())
            } else {
                Ok(text)
            }
        });
        let invoke = |input: &str| echo.invoke(ActivityContext::for_test("Echo"), input.to_owned());
        assert_eq!(invoke("plain").await, Ok("plain".to_owned()));
        assert_eq!(invoke("bad").await, Err("refused".to_owned()));
    }
}
