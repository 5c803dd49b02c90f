//! How fast duroxide is, and what an orchestration costs: `cargo bench --bench workloads`.
//!
//! Every workload runs in a process of its own, so that its memory and its processor time are its
//! own, and prints one row. Figures from one run can be compared with one another and with the
//! disk's rate below the table; figures of different machines or hours hardly.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the person who runs it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "it measures real time on purpose"
)]
#![allow(
    clippy::future_not_send,
    reason = "each workload runs on the thread that waits for it"
)]
#![allow(
    clippy::cast_precision_loss,
    reason = "a figure is read to three digits"
)]

mod arguments;
mod chain;
mod disk;
mod fan_out;
mod hello;
mod idle;
mod mailbox;
mod meter;
mod processes;
mod report;
mod server;
mod stage;
mod timers;
mod waiting;
mod workload;

use std::error::Error;
use std::process::{Command, ExitCode};

use arguments::{Arguments, USAGE};
use report::{HEADER, Row};
use stage::Backend;
use workload::{Size, WORKLOADS, Workload};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments = match Arguments::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.is_list {
        print!("{}", workload::list());
        return ExitCode::SUCCESS;
    }
    if let Some((backend, url, place)) = &arguments.worker {
        return match processes::work(*backend, url, place) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let result = match arguments.one {
        Some((workload, backend)) => run_here(workload, backend, arguments.size),
        None => run_children(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one workload in this process and prints its row.
fn run_here(workload: &Workload, backend: Backend, size: Size) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let rows = runtime.block_on((workload.run)(backend, size))?;
    for Row { name, cost, note } in rows {
        println!("{}", report::line(&name, backend, &cost, &note));
    }
    Ok(())
}

/// Runs each chosen workload on each chosen backend in a process of its own.
fn run_children(arguments: &Arguments) -> Result<(), Failure> {
    println!("{HEADER}");
    for workload in WORKLOADS.iter().filter(|it| arguments.chooses(it)) {
        for backend in workload.backends.iter().filter(|it| arguments.is_on(**it)) {
            if server::missing_variable(*backend).is_some() {
                continue;
            }
            let status = Command::new(std::env::current_exe()?)
                .args(["--one", workload.name, backend.name()])
                .args(arguments.size.argument())
                .status()?;
            if !status.success() {
                return Err(format!("{} on {} failed", workload.name, backend.name()).into());
            }
        }
    }
    println!();
    for backend in Backend::ALL {
        if let Some(variable) = server::missing_variable(backend) {
            println!(
                "{}: not measured; {variable} names no server",
                backend.name()
            );
        }
    }
    println!("\n{}", disk::describe(arguments.size)?);
    Ok(())
}
