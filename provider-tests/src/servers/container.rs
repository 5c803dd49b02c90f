//! A server in a container, that ends with this process.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::local::addresses;
use super::{ServerKind, greeting};

/// How long the engine may take, with the download of an image.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// A container that ends with this value, and with the test process at the latest.
#[derive(Debug)]
pub(super) struct ContainerServer {
    /// One for each of its processes that clients connect to.
    pub(super) addresses: Vec<SocketAddr>,
    keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// What the thread that keeps the container says once.
type Started = Result<Vec<SocketAddr>, String>;

impl ContainerServer {
    /// The container lives on a thread with a runtime of its own, since this is called from inside
    /// a test's runtime, and the container outlives that.
    pub(super) fn start(kind: ServerKind) -> Result<Self, String> {
        let (started, is_started) = mpsc::channel();
        let (stop, is_stopped) = mpsc::channel();
        let keeper = thread::spawn(move || keep(kind, &started, &is_stopped));
        let answer = is_started.recv();
        let addresses = answer.map_err(|_| "its thread has panicked".to_owned())??;
        let server = Self {
            addresses,
            keeper: Some((stop, keeper)),
        };
        greeting::wait(kind, &server.addresses, || Ok(()))?;
        Ok(server)
    }
}

impl Drop for ContainerServer {
    fn drop(&mut self) {
        if let Some((stop, keeper)) = self.keeper.take() {
            drop(stop);
            // A panic there has printed what there is to say.
            keeper.join().ok();
        }
    }
}

fn keep(kind: ServerKind, started: &mpsc::Sender<Started>, is_stopped: &mpsc::Receiver<()>) {
    let begin = || {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let (container, ports) = runtime.block_on(run(kind))?;
        Ok((runtime, container, ports))
    };
    let (runtime, container, ports) = match begin() {
        Ok(begun) => begun,
        Err(error) => {
            started.send(Err(error)).ok();
            return;
        }
    };
    let guard = guard(container.id());
    started.send(Ok(addresses(ports))).ok();
    // Nothing is ever sent: it ends when the server is dropped.
    is_stopped.recv().ok();
    // The guard has another try at what fails here.
    runtime.block_on(container.rm()).ok();
    if let Some(mut guard) = guard {
        drop(guard.stdin.take());
        guard.wait().map(drop).ok();
    }
}

/// How a container's ports are reached from this machine.
enum Ports {
    /// By any port here that the engine chooses.
    OneOfTheirs(u16),
    /// By the same number: the nodes of a cluster tell clients and one another the same addresses.
    SameAsOurs(Cluster),
}

async fn run(kind: ServerKind) -> Result<(ContainerAsync<GenericImage>, Vec<u16>), String> {
    let description = &kind.description().container;
    let image = std::env::var(description.image_variable);
    let image = image.unwrap_or_else(|_| description.image.to_owned());
    let (name, tag) = image.rsplit_once(':').ok_or_else(|| {
        format!(
            "{} must be NAME:TAG, and is {image}",
            description.image_variable
        )
    })?;
    let base = GenericImage::new(name, tag);
    let ports = match description.port {
        Some(port) => Ports::OneOfTheirs(port),
        None => Ports::SameAsOurs(Cluster::new()?),
    };
    let request: ContainerRequest<_> = match &ports {
        Ports::OneOfTheirs(port) => base.with_exposed_port(port.tcp()).into(),
        Ports::SameAsOurs(cluster) => {
            let mapped = |request: ContainerRequest<_>, port: u16| {
                request.with_mapped_port(port, port.tcp())
            };
            let request = cluster.ports().fold(base.into(), mapped);
            request.with_cmd(cluster.words_in_container())
        }
    };
    let mut request = request.with_startup_timeout(START_TIMEOUT);
    for (variable, value) in description.environment {
        request = request.with_env_var(*variable, *value);
    }
    if !description.arguments.is_empty() {
        request = request.with_cmd(description.arguments.concat());
    }
    let container = timeout(START_TIMEOUT, request.start())
        .await
        .map_err(|_| format!("{image} was not up after {} s", START_TIMEOUT.as_secs()))?
        .map_err(|error| format!("{image}: {error}"))?;
    match ports {
        Ports::SameAsOurs(cluster) => Ok((container, cluster.ports().collect())),
        Ports::OneOfTheirs(port) => {
            let port = container.get_host_port_ipv4(port).await;
            let port = port.map_err(|error| format!("{image} publishes no port: {error}"))?;
            Ok((container, vec![port]))
        }
    }
}

/// Removes the container when this process is gone for any reason, since the system then closes
/// the pipe. Without the command `docker` nobody does.
fn guard(container: &str) -> Option<Child> {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "read -r _; exec docker rm --force --volumes \"$1\"",
            "guard",
            container,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // An interrupt from the terminal ends the tests, and they end the container.
        command.process_group(0);
    }
    command.spawn().ok()
}
