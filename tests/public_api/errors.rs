//! `ErrorDetails` and its parts.

use duroxide::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};

/// Details with their category, whether they are retryable, and their message.
type Case = (ErrorDetails, &'static str, bool, &'static str);

fn configuration_cases() -> Vec<Case> {
    let case = |kind, message: Option<&str>, display| {
        let details = ErrorDetails::Configuration {
            kind,
            resource: "Pay".to_owned(),
            message: message.map(str::to_owned),
        };
        (details, "configuration", false, display)
    };
    let missing = ConfigErrorKind::MissingVersion {
        requested_version: "9.0.0".to_owned(),
    };
    vec![
        case(
            ConfigErrorKind::UnregisteredOrchestration,
            None,
            "unregistered:Pay",
        ),
        case(
            ConfigErrorKind::UnregisteredActivity,
            None,
            "unregistered:Pay",
        ),
        case(missing, None, "canceled: missing version Pay@9.0.0"),
        case(
            ConfigErrorKind::Nondeterminism,
            Some("a is not b"),
            "nondeterministic: a is not b",
        ),
        case(
            ConfigErrorKind::Nondeterminism,
            None,
            "nondeterministic in Pay",
        ),
    ]
}

fn application_cases() -> Vec<Case> {
    let case = |kind, display| {
        let details = ErrorDetails::Application {
            kind,
            message: "broke".to_owned(),
            retryable: true,
        };
        (details, "application", true, display)
    };
    let cancelled = AppErrorKind::Cancelled {
        reason: "enough".to_owned(),
    };
    vec![
        case(AppErrorKind::ActivityFailed, "broke"),
        case(AppErrorKind::OrchestrationFailed, "broke"),
        case(cancelled, "canceled: enough"),
    ]
}

fn poison_cases() -> Vec<Case> {
    let case = |message_type, display| {
        let details = ErrorDetails::Poison {
            attempt_count: 11,
            max_attempts: 10,
            message_type,
            message: "too often".to_owned(),
        };
        (details, "poison", false, display)
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
    vec![
        case(
            turn,
            "poison: orchestration i exceeded 11 attempts (max 10)",
        ),
        case(
            activity,
            "poison: activity Work#4 exceeded 11 attempts (max 10)",
        ),
    ]
}

fn all() -> Vec<Case> {
    let infrastructure = ErrorDetails::Infrastructure {
        operation: "commit".to_owned(),
        message: "disk full".to_owned(),
        retryable: true,
    };
    let display = "infrastructure:commit: disk full";
    let mut cases = vec![(infrastructure, "infrastructure", true, display)];
    cases.extend(configuration_cases());
    cases.extend(application_cases());
    cases.extend(poison_cases());
    cases
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
