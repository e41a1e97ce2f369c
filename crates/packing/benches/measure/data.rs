//! Reading the public data and the seeded generators.

use std::path::{Path, PathBuf};

/// The folder named by `CLOUDOPTIM_REFERENCE`, if it is there.
pub(crate) fn reference() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("CLOUDOPTIM_REFERENCE")?);
    path.join("packing").is_dir().then_some(path)
}

/// A bought machine type.
pub(crate) struct Machine {
    pub(crate) capacity: [i64; 3],
    pub(crate) cost: i64,
}

/// x86 m/c/r types without accelerator up to `most_vcpu`, less the overhead of
/// every node (150 m, 300 MiB) and at most 107 items.
pub(crate) fn machines(reference: &Path, most_vcpu: i64) -> Vec<Machine> {
    let rows = table(&reference.join("packing/ec2_us-east-1_alloc_price.csv"));
    rows.iter()
        .filter(|row| {
            row[2] == "amd64" && row[1].starts_with(['m', 'c', 'r']) && number(&row[8]) == 0
        })
        .filter(|row| number(&row[4]) <= most_vcpu)
        .map(|row| Machine {
            capacity: [number(&row[5]) - 150, number(&row[6]) - 300, number(&row[7]).min(107)],
            cost: (row[9].parse::<f64>().unwrap_or(0.0) * 1e9).round() as i64,
        })
        .filter(|machine| machine.cost > 0)
        .collect()
}

/// (milli CPU, MiB) of every pod of the public trace, in list order.
pub(crate) fn openb_pods(reference: &Path) -> Vec<[i64; 2]> {
    let rows = table(&reference.join("k8s/openb/openb_pod_list_default.csv"));
    rows.iter().map(|row| [number(&row[1]), number(&row[2])]).collect()
}

/// (milli CPU, MiB) of every node of the public trace, in list order.
pub(crate) fn openb_nodes(reference: &Path) -> Vec<[i64; 2]> {
    let rows = table(&reference.join("k8s/openb/openb_node_list_all_node.csv"));
    rows.iter().map(|row| [number(&row[1]), number(&row[2])]).collect()
}

/// The "many small pods" generator.
pub(crate) fn small_pods(count: usize, seed: u64) -> Vec<[i64; 2]> {
    let mut random = Stream(seed);
    (0..count)
        .map(|_| {
            let cpu = ((250.0_f64.ln() + random.normal()).exp() / 50.0).round() as i64 * 50;
            let cpu = cpu.clamp(50, 8_000);
            let per_core = (2.5_f64.ln() + 0.7 * random.normal()).exp();
            let memory = (cpu as f64 / 1000.0 * per_core * 1024.0 / 64.0).round() as i64 * 64;
            [cpu, memory.clamp(64, 32_768)]
        })
        .collect()
}

/// A seeded stream (xorshift64*), separate from the crate's own.
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> u64 {
        let mut x = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9_7f4a_7c15;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Box–Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let (a, b) = (self.unit(), self.unit());
        (-2.0 * a.ln()).sqrt() * (2.0 * std::f64::consts::PI * b).cos()
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, (self.unit() * (at + 1) as f64) as usize);
        }
    }
}

/// Both lists shuffled by a seed; seed 0 leaves them as they are.
pub(crate) fn shuffled(
    lists: (&[[i64; 2]], &[[i64; 2]]),
    seed: u64,
) -> (Vec<[i64; 2]>, Vec<[i64; 2]>) {
    let (mut nodes, mut pods) = (lists.0.to_vec(), lists.1.to_vec());
    if seed > 0 {
        Stream(seed).shuffle(&mut nodes);
        Stream(seed + 100).shuffle(&mut pods);
    }
    (nodes, pods)
}

/// Each pod with its node: in list order on the node with the largest mean free share afterwards,
/// the first among equals; pods without room are dropped.
pub(crate) fn placed(nodes: &[[i64; 2]], pods: &[[i64; 2]]) -> Vec<([i64; 2], u32)> {
    let mut free: Vec<[i64; 2]> = nodes.to_vec();
    let mut placed: Vec<([i64; 2], u32)> = Vec::new();
    for pod in pods {
        let mut best: Option<(f64, usize)> = None;
        for (at, room) in free.iter().enumerate() {
            if pod[0] > room[0] || pod[1] > room[1] {
                continue;
            }
            let score = (room[0] - pod[0]) as f64 / nodes[at][0] as f64
                + (room[1] - pod[1]) as f64 / nodes[at][1] as f64;
            if best.is_none_or(|b| score > b.0) {
                best = Some((score, at));
            }
        }
        if let Some((_, at)) = best {
            free[at][0] -= pod[0];
            free[at][1] -= pod[1];
            placed.push((*pod, at as u32));
        }
    }
    placed
}

/// The sizes of 20,000 pods: 5 of CPU and 6 of memory.
pub(crate) fn wide_pods() -> Vec<[i64; 2]> {
    let mut random = Stream(42);
    let cpus = [100, 250, 500, 1_000, 1_500];
    let memories = [100, 256, 512, 1_024, 2_048, 4_096];
    (0..20_000)
        .map(|_| {
            let cpu = cpus[(random.unit() * 5.0) as usize];
            [cpu, memories[(random.unit() * 6.0) as usize]]
        })
        .collect()
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> i64 {
    text.parse::<f64>().map_or(0, |n| n as i64)
}
