//! Where figures are on an axis.

/// An axis from one figure to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_logarithmic: bool,
}

impl Scale {
    /// From nothing to this figure.
    pub(super) fn linear(high: f64, from: f64, to: f64) -> Self {
        Self {
            low: 0.0,
            high: nice(high),
            from,
            to,
            is_logarithmic: false,
        }
    }

    /// From one power of ten to another, so that both figures are between them.
    pub(super) fn logarithmic((low, high): (f64, f64), from: f64, to: f64) -> Self {
        let low = 10_f64.powf(low.max(f64::MIN_POSITIVE).log10().floor());
        let high = 10_f64.powf(high.max(low * 1.1).log10().ceil());
        Self {
            low,
            high,
            from,
            to,
            is_logarithmic: true,
        }
    }

    /// Where a figure is.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let part = if self.is_logarithmic {
            let figure = figure.clamp(self.low, self.high);
            (figure / self.low).log10() / (self.high / self.low).log10()
        } else {
            figure / self.high
        };
        self.from + part * (self.to - self.from)
    }

    /// The figures at which the axis has marks.
    pub(super) fn marks(&self) -> Vec<f64> {
        const PARTS: u32 = 4;
        if self.is_logarithmic {
            let powers = (self.high / self.low).log10().round();
            let marks = (0..=64_u32)
                .map(f64::from)
                .take_while(|power| *power <= powers);
            return marks.map(|power| self.low * 10_f64.powf(power)).collect();
        }
        let part = self.high / f64::from(PARTS);
        (0..=PARTS).map(|place| part * f64::from(place)).collect()
    }
}

/// The next figure above that is easy to divide by four.
fn nice(figure: f64) -> f64 {
    if figure <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(figure.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| figure <= step * power);
    step.unwrap_or(10.0) * power
}

/// A figure with as many digits as are read.
pub(super) fn short(figure: f64) -> String {
    match figure {
        huge if huge >= 1e6 => format!("{}M", short(huge / 1e6)),
        large if large >= 10_000.0 => format!("{:.0}k", large / 1_000.0),
        middle if middle >= 10.0 => format!("{middle:.0}"),
        small if small >= 1.0 || small == 0.0 => {
            let text = format!("{small:.1}");
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        tiny => {
            let text = format!("{tiny:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_where_they_belong() {
        let scale = Scale::linear(3_600.0, 100.0, 500.0);
        assert_eq!(scale.marks(), [0.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0]);
        assert!((scale.at(2_000.0) - 300.0).abs() < 1e-9);
        let scale = Scale::logarithmic((0.5, 80.0), 0.0, 300.0);
        assert_eq!(scale.marks().len(), 4);
        assert!((scale.at(1.0) - 100.0).abs() < 1e-6);
        assert!((scale.at(0.0) - 0.0).abs() < 1e-6);
    }

    #[test]
    fn marks_are_short() {
        let shown = [0.0, 0.1 * 3.0, 1.0, 2.5, 40.0, 25_000.0, 1.5e6].map(short);
        assert_eq!(shown, ["0", "0.3", "1", "2.5", "40", "25k", "1.5M"]);
    }
}
