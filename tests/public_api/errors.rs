//! `ErrorDetails` and its parts.

use duroxide::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};

fn all() -> Vec<(ErrorDetails, &'static str, bool, &'static str)> {
    let application = |kind| ErrorDetails::Application {
        kind,
        message: "broke".to_owned(),
        retryable: true,
    };
    let configuration = |kind, message: Option<&str>| ErrorDetails::Configuration {
        kind,
        resource: "Pay".to_owned(),
        message: message.map(str::to_owned),
    };
    let poison = |message_type| ErrorDetails::Poison {
        attempt_count: 11,
        max_attempts: 10,
        message_type,
        message: "too often".to_owned(),
    };
    let infrastructure = ErrorDetails::Infrastructure {
        operation: "commit".to_owned(),
        message: "disk full".to_owned(),
        retryable: true,
    };
    let missing = ConfigErrorKind::MissingVersion {
        requested_version: "9.0.0".to_owned(),
    };
    let cancelled = AppErrorKind::Cancelled {
        reason: "enough".to_owned(),
    };
    let turn = PoisonMessageType::Orchestration {
        instance: "i".to_owned(),
        execution_id: 1,
    };
    let activity = PoisonMessageType::Activity {
        instance: "i".to_owned(),
        execution_id: 1,
        activity_name: "Work".to_owned(),
        activity_id: 4,
    };
    let (config, app) = ("configuration", "application");
    vec![
        (
            infrastructure,
            "infrastructure",
            true,
            "infrastructure:commit: disk full",
        ),
        (
            configuration(ConfigErrorKind::UnregisteredOrchestration, None),
            config,
            false,
            "unregistered:Pay",
        ),
        (
            configuration(ConfigErrorKind::UnregisteredActivity, None),
            config,
            false,
            "unregistered:Pay",
        ),
        (
            configuration(missing, None),
            config,
            false,
            "canceled: missing version Pay@9.0.0",
        ),
        (
            configuration(ConfigErrorKind::Nondeterminism, Some("a is not b")),
            config,
            false,
            "nondeterministic: a is not b",
        ),
        (
            configuration(ConfigErrorKind::Nondeterminism, None),
            config,
            false,
            "nondeterministic in Pay",
        ),
        (
            application(AppErrorKind::ActivityFailed),
            app,
            true,
            "broke",
        ),
        (
            application(AppErrorKind::OrchestrationFailed),
            app,
            true,
            "broke",
        ),
        (application(cancelled), app, true, "canceled: enough"),
        (
            poison(turn),
            "poison",
            false,
            "poison: orchestration i exceeded 11 attempts (max 10)",
        ),
        (
            poison(activity),
            "poison",
            false,
            "poison: activity Work#4 exceeded 11 attempts (max 10)",
        ),
    ]
}

#[test]
fn categories_messages_and_retries() {
    for (details, category, retryable, message) in all() {
        assert_eq!(details.category(), category);
        assert_eq!(details.is_retryable(), retryable);
        assert_eq!(details.display_message(), message);
    }
}

#[test]
fn errors_survive_their_encoding() {
    for (details, ..) in all() {
        let text = serde_json::to_string(&details).unwrap();
        assert_eq!(
            serde_json::from_str::<ErrorDetails>(&text).unwrap(),
            details,
            "{text}"
        );
    }
}
