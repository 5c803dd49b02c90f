//! What the server reads for a statement.

/// A URL whose connections write the plan of everything that they run into the log, with what each
/// step of it really brought.
pub(crate) fn explained(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_level", "notice"),
    ];
    let settings = settings.map(|(name, value)| format!("options[{name}]={value}"));
    format!("{url}{separator}{}", settings.join("&"))
}

/// The number behind this word, if it is in this line.
fn number(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    let end = rest.find(|it: char| !it.is_ascii_digit());
    rest.split_at(end.unwrap_or(rest.len())).0.parse().ok()
}

/// Sees that no step of a plan read more than this, whether it kept it or not.
pub(crate) fn assert_read_little(plans: &str, rows_max: u64) {
    let mut steps = 0;
    for line in plans.lines() {
        // There is a row for each process, and nothing to find it by but that it lives.
        let is_whole = line.contains("Seq Scan on") && !line.contains("Seq Scan on node ");
        assert!(!is_whole, "{line}\nin {plans}");
        let removed = number(line, "Rows Removed by Filter: ");
        let brought = line
            .split_once("(actual ")
            .and_then(|(_, actual)| Some(number(actual, "rows=")? * number(actual, "loops=")?));
        if let Some(rows) = removed.or(brought) {
            assert!(rows <= rows_max, "{line}\nin {plans}");
            steps += 1;
        }
    }
    assert!(steps > 0, "there are no plans: {plans}");
}
