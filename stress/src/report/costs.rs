//! What is paid for an operation, beside the time that it takes.

use super::Figures;

/// Something that is paid for an operation.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    each: fn(&Figures) -> Option<f64>,
}

/// What is drawn and compared; [`costs`](super::table::costs) has the rest too.
pub(crate) const COSTS: [Cost; 6] = [
    Cost {
        name: "client µs",
        each: |it| micros(it, it.client.cpu_s),
    },
    Cost {
        name: "server µs",
        each: |it| micros(it, it.store.server_cpu_s),
    },
    Cost {
        name: "round trips",
        each: |it| it.store.round_trips,
    },
    Cost {
        name: "statements",
        each: |it| it.store.statements,
    },
    Cost {
        name: "flushes",
        each: |it| it.store.durable_commits,
    },
    Cost {
        name: "bytes written",
        each: |it| it.store.written_bytes,
    },
];

impl Cost {
    /// Of one operation; nothing if it was not counted.
    pub(crate) fn of_operation(&self, figures: &Figures) -> Option<f64> {
        (self.each)(figures)
    }

    /// Of one step; nothing if it was not counted, or an operation has none.
    pub(crate) fn of_step(&self, figures: &Figures) -> Option<f64> {
        let each = self.of_operation(figures)?;
        (figures.steps > 0.0).then(|| each / figures.steps)
    }
}

fn micros(figures: &Figures, seconds: Option<f64>) -> Option<f64> {
    seconds.map(|it| it * 1e6 / figures.operations())
}
