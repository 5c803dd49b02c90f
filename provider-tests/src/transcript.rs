//! The calls of a case, their answers and the passing of time, for the reader of a failure.

use std::fmt::{self, Debug, Write as _};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::under_way::{self, UnderWay};

/// A case can make thousands of calls; the last ones tell what went wrong.
const CALLS_SHOWN: usize = 40;
/// Enough to recognise a request or an answer by; a body may have megabytes.
const CHARS_MAX: usize = 600;

/// The calls made so far and the time that passed between them, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    calls: Arc<Mutex<Vec<Call>>>,
    under_way: UnderWay,
}

#[derive(Debug, PartialEq, Eq)]
struct Call {
    text: String,
    answer: Option<String>,
}

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    transcript: Transcript,
    index: usize,
    /// Until it is answered or given up, unless it only waits.
    _under_way: Option<under_way::Call>,
}

impl Transcript {
    /// How many calls were begun.
    pub(crate) fn len(&self) -> usize {
        self.calls.lock().len()
    }

    /// The last calls: each one's number, what was asked, and what was answered.
    pub(crate) fn last(&self, count: usize) -> Vec<(usize, String, Option<String>)> {
        let calls = self.calls.lock();
        let left_out = calls.len().saturating_sub(count);
        let numbered = calls.iter().enumerate().skip(left_out);
        numbered
            .map(|(index, call)| (index + 1, call.text.clone(), call.answer.clone()))
            .collect()
    }

    /// Forgets the calls made so far, before others that are not their consequence.
    pub(crate) fn clear(&self) {
        self.calls.lock().clear();
    }

    /// The calls that have begun and not ended.
    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// Writes down a call.
    pub(crate) fn begin(&self, handle: usize, operation: &str, request: &dyn Debug) -> Begun {
        Begun {
            _under_way: Some(self.under_way.begin()),
            ..self.begin_wait(handle, operation, request)
        }
    }

    /// Writes down a call that waits for something to happen.
    pub(crate) fn begin_wait(&self, handle: usize, operation: &str, request: &dyn Debug) -> Begun {
        self.begin_line(format_args!("handle {handle}: {operation} {request:?}"))
    }

    /// Writes down that time passes; its answer is what the store's clock shows then.
    pub(crate) fn begin_passage(&self, time: fmt::Arguments<'_>) -> Begun {
        self.begin_line(format_args!("time passes: {time}"))
    }

    fn begin_line(&self, line: fmt::Arguments<'_>) -> Begun {
        let mut text = Clipped::default();
        // A clipped text ends its formatting with an error, which is the point of clipping.
        write!(text, "{line}").ok();
        let mut calls = self.calls.lock();
        calls.push(Call {
            text: text.0,
            answer: None,
        });
        Begun {
            transcript: self.clone(),
            index: calls.len() - 1,
            _under_way: None,
        }
    }
}

impl Begun {
    pub(crate) fn answered<T: Debug>(self, answer: T) -> T {
        let mut text = Clipped::default();
        write!(text, "{answer:?}").ok();
        if let Some(call) = self.transcript.calls.lock().get_mut(self.index) {
            call.answer = Some(text.0);
        }
        answer
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls.lock();
        // Whoever polls makes one call hundreds of times, which says no more than once.
        let runs: Vec<&[Call]> = calls.chunk_by(|a, b| a == b).collect();
        let shown = runs.len().saturating_sub(CALLS_SHOWN);
        let (left_out, shown) = runs.split_at(shown);
        let mut number: usize = left_out.iter().map(|run| run.len()).sum();
        if number > 0 {
            writeln!(f, "  ({number} earlier calls)")?;
        }
        for run in shown {
            let Call { text, answer } = &run[0];
            let answer = answer.as_deref().unwrap_or("(no answer)");
            writeln!(f, "  {}. {text}\n     -> {answer}", number + 1)?;
            number += run.len();
            if run.len() > 1 {
                writeln!(f, "     (the same to {number}., {} times)", run.len())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_shown_once() {
        let transcript = Transcript::default();
        let call = |instance: &str, answer: &str| {
            transcript.begin(1, "read_head", &instance).answered(answer);
        };
        call("a", "running");
        (0..300).for_each(|_| call("b", "running"));
        call("b", "ended");
        transcript.begin(1, "close", &());
        let expected = "  1. handle 1: read_head \"a\"
     -> \"running\"
  2. handle 1: read_head \"b\"
     -> \"running\"
     (the same to 301., 300 times)
  302. handle 1: read_head \"b\"
     -> \"ended\"
  303. handle 1: close ()
     -> (no answer)
";
        assert_eq!(transcript.to_string(), expected);
        assert_eq!(transcript.len(), 303);
    }

    #[test]
    fn the_last_ones_are_shown() {
        let transcript = Transcript::default();
        for number in 0..CALLS_SHOWN + 2 {
            for _ in 0..=number % 2 {
                transcript.begin(1, "poll", &number).answered(());
            }
        }
        let shown = transcript.to_string();
        assert!(
            shown.starts_with("  (3 earlier calls)\n  4. handle 1: poll 2\n"),
            "{shown}"
        );
        let last = CALLS_SHOWN + 1;
        assert!(shown.contains(&format!("poll {last}\n")), "{shown}");
    }
}

/// A text that refuses to grow beyond [`CHARS_MAX`], so that huge bodies cost nothing.
#[derive(Default)]
struct Clipped(String);

impl fmt::Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = CHARS_MAX.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            Ok(())
        } else {
            self.0.extend(text.chars().take(room));
            self.0.push('…');
            Err(fmt::Error)
        }
    }
}
