//! A Redis Cluster of this machine or of one container: three primaries with a replica each.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::Path;

use super::ports::free_port;

/// How many processes there are.
const NODES: usize = 6;
/// How many of them are replicas.
pub(super) const REPLICAS: usize = 3;

/// Starts the nodes, joins them, and runs until they have ended or it is told to end them. Its
/// arguments are the server and the client program, the address to listen on, and for each node its
/// port and its port for the other nodes. A port for the others is given to each, since by default it
/// is the port plus 10,000, and of a free port that is often none.
const SCRIPT: &str = r#"
server=$1 client=$2 bind=$3
shift 3
nodes= addresses= asks=
end() {
    kill -s KILL $nodes $asks 2>/dev/null
    wait
}
fail() {
    end
    echo "$1"
    exit 1
}
trap 'end; exit 0' TERM
# In the background, since a trap waits for what is in the foreground.
ask() {
    "$client" "$@" &
    asks=$!
    wait "$asks"
}
for node; do
    port=${node%@*}
    mkdir "node-$port"
    "$server" --port "$port" --cluster-port "${node#*@}" --bind "$bind" --protected-mode no \
        --dir "node-$port" --cluster-enabled yes --cluster-config-file nodes.conf \
        --cluster-node-timeout 2000 --cluster-announce-ip 127.0.0.1 \
        --appendonly yes --appendfsync everysec --save '' \
        --repl-diskless-sync-delay 0 &
    nodes="$nodes $!" addresses="$addresses 127.0.0.1:$port"
done
for address in $addresses; do
    until ask -p "${address#*:}" ping >/dev/null 2>&1; do
        for node in $nodes; do
            kill -0 "$node" 2>/dev/null || fail "a node has ended"
        done
        sleep 0.1
    done
done
ask --cluster create $addresses --cluster-replicas 1 --cluster-yes ||
    fail "the nodes could not be joined"
wait
"#;

/// The ports of the nodes, and what runs them all. In the current folder each gets one of its own.
pub(super) struct Cluster {
    /// Of each, for clients and for the other nodes.
    nodes: Vec<(u16, u16)>,
}

impl Cluster {
    /// Chooses ports that are free.
    pub(super) fn new() -> Result<Self, String> {
        let node = |_| Ok((free_port()?, free_port()?));
        let nodes = (0..NODES).map(node).collect::<Result<_, String>>()?;
        Ok(Self { nodes })
    }

    /// Where clients connect to.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.nodes.iter().map(|(port, _)| *port)
    }

    /// What runs it.
    pub(super) fn words(&self, server: &Path, client: &Path, bind: Ipv4Addr) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["sh", "-c", SCRIPT, "cluster"].map(Into::into).into();
        words.extend([server.into(), client.into(), bind.to_string().into()]);
        let nodes = self.nodes.iter();
        words.extend(nodes.map(|(port, bus)| format!("{port}@{bus}").into()));
        words
    }

    /// What runs it in a container, where everybody can reach it.
    #[cfg(feature = "containers")]
    pub(super) fn words_in_container(&self) -> Vec<String> {
        let [server, client] = ["redis-server", "redis-cli"].map(Path::new);
        let words = self.words(server, client, Ipv4Addr::UNSPECIFIED);
        let text = words.iter().map(|word| word.to_string_lossy().into_owned());
        text.collect()
    }
}
