//! Plots, as SVG that stands alone. Each is as narrow as a phone; a page sets several side by side where it has room.

mod bars;
mod costs;
mod drawing;
mod lines;
mod naming;
mod percentiles;
mod recoveries;
mod saturation;
mod scale;
mod throughput;

pub(crate) use self::costs::{costs_of_operations, costs_of_steps};
pub(crate) use self::drawing::escaped;
pub(crate) use self::lines::over_time;
pub(crate) use self::percentiles::{all_latencies, latencies};
pub(crate) use self::recoveries::recoveries;
pub(crate) use self::saturation::saturation;
pub(crate) use self::throughput::{all_throughputs, throughput};
