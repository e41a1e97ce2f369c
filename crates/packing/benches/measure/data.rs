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

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> i64 {
    text.parse::<f64>().map_or(0, |n| n as i64)
}
