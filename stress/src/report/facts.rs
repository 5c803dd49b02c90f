//! What a report says beside speed and cost, as tables.

use std::collections::BTreeSet;

use super::grid::{Grid, NOTHING, figure};
use super::{Guarantees, Report};
use crate::limit::knee;

/// Operations a second: a row for each workload and load, a column for each backend.
pub(super) fn overview(report: &Report) -> Grid {
    let backends = report.backend_names();
    let mut header = vec!["workload".to_owned(), "load".to_owned()];
    header.extend(backends.iter().map(|it| (*it).to_owned()));
    let mut grid = Grid::of_columns(2, header);
    let mut seen = BTreeSet::new();
    for (run, _) in report.all_figures() {
        if !seen.insert((&run.workload, run.load())) {
            continue;
        }
        let mut row = vec![run.workload.clone(), run.load()];
        for backend in &backends {
            let mut same = report.figures_of(&run.workload);
            let same =
                same.find(|(other, _)| other.backend == *backend && other.load() == run.load());
            row.push(figure(same.map(|(_, it)| it.measured.per_second)));
        }
        grid.add(row);
    }
    grid
}

/// The highest rates that were followed.
pub(super) fn limits(report: &Report) -> Grid {
    let header = [
        "workload",
        "backend",
        "bound",
        "followed a second",
        "not followed",
        "p50 ms",
        "p99 ms",
    ];
    let mut grid = Grid::new(3, header);
    for (run, tried) in report.limits() {
        let knee = knee(tried);
        let lost = tried.iter().filter(|it| !it.is_followed);
        let lost = lost.map(|it| it.rate).min_by(f64::total_cmp);
        let mut row = vec![run.workload.clone(), run.backend.clone(), run.load()];
        let of_run = [
            knee.map(|it| it.rate),
            lost,
            knee.map(|it| it.p50_ms),
            knee.map(|it| it.p99_ms),
        ];
        row.extend(of_run.map(figure));
        grid.add(row);
    }
    grid
}

/// How long it took after kills until everything had ended that was under way.
pub(super) fn recoveries(report: &Report) -> Grid {
    let header = [
        "workload",
        "backend",
        "load",
        "kills",
        "median ms",
        "longest ms",
    ];
    let mut grid = Grid::new(3, header);
    for (run, figures) in report.all_figures() {
        let Some(chaos) = &figures.chaos else {
            continue;
        };
        let mut sorted = chaos.recovery_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let mut row = vec![run.workload.clone(), run.backend.clone(), run.load()];
        row.push(chaos.kills.to_string());
        row.push(figure(sorted.get(sorted.len() / 2).copied()));
        row.push(figure(sorted.last().copied()));
        grid.add(row);
    }
    grid
}

/// The machine.
pub(super) fn machine(report: &Report) -> Grid {
    let machine = &report.machine;
    let mut grid = Grid::new(2, ["machine", ""]);
    let or_nothing = |it: Option<String>| it.unwrap_or_else(|| NOTHING.to_owned());
    for (name, is) in [
        ("system", machine.system.clone()),
        ("processor", or_nothing(machine.processor.clone())),
        ("processors", machine.processors.to_string()),
        (
            "memory",
            or_nothing(machine.memory_mib.map(|it| format!("{it} MiB"))),
        ),
        (
            "one flush of a page to the disk",
            or_nothing(machine.flush_ms.map(|it| format!("{it:.2} ms"))),
        ),
    ] {
        grid.add(vec![name.to_owned(), is]);
    }
    grid
}

/// The backends, with their versions.
pub(super) fn backends(report: &Report) -> Grid {
    let header = [
        "backend",
        "provider",
        "stores in",
        "a commit survives, as set up here",
    ];
    let mut grid = Grid::new(4, header);
    for backend in &report.backends {
        let or_nothing = |it: &Option<String>| it.clone().unwrap_or_else(|| NOTHING.to_owned());
        grid.add(vec![
            backend.name.clone(),
            or_nothing(&backend.provider),
            or_nothing(&backend.backend),
            or_nothing(&backend.durability),
        ]);
    }
    grid
}

/// What certificates say: a row for each guarantee, a column for each backend that has one.
pub(super) fn guarantees(report: &Report) -> Grid {
    let certified = report.backends.iter();
    let certified = certified.filter_map(|it| Some((&it.name, it.guarantees.as_ref()?)));
    let (names, all): (Vec<&String>, Vec<&Guarantees>) = certified.unzip();
    let mut header = vec!["guarantee".to_owned()];
    header.extend(names.into_iter().cloned());
    let mut grid = Grid::of_columns(header.len(), header);
    let mut add = |name: &str, of: &dyn Fn(&Guarantees) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(all.iter().map(|it| of(it)));
        grid.add(row);
    };
    if all.is_empty() {
        return grid;
    }
    add("a commit survives", &|it| in_words(&it.durability));
    add("processes share a store", &|it| yes(it.is_shared));
    add("wake-ups are pushed", &|it| yes(it.is_pushed));
    add("longest body", &|it| in_kib(it.body_bytes_max));
    add("cases passed", &|it| {
        format!("{} of {}", it.cases.0, it.cases.1)
    });
    let profiles: BTreeSet<&String> = all.iter().flat_map(|it| it.profiles.keys()).collect();
    for profile in profiles {
        add(&format!("profile: {}", in_words(profile)), &|it| {
            let result = it.profiles.get(profile);
            result.map_or_else(|| NOTHING.to_owned(), |it| in_words(it))
        });
    }
    let endings: BTreeSet<&String> = all.iter().flat_map(|it| &it.endings).collect();
    for ending in endings {
        add(&format!("shown to survive: {}", in_words(ending)), &|it| {
            yes(it.endings.contains(ending))
        });
    }
    grid
}

fn yes(is_so: bool) -> String {
    if is_so { "yes" } else { NOTHING }.to_owned()
}

fn in_words(name: &str) -> String {
    name.replace('_', " ")
}

fn in_kib(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    match bytes {
        whole if whole >= MIB && whole % MIB == 0 => format!("{} MiB", whole / MIB),
        whole if whole >= KIB && whole % KIB == 0 => format!("{} KiB", whole / KIB),
        other => format!("{other} B"),
    }
}
