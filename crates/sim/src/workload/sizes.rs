//! How long messages are: published distributions, and those of a file.

use crate::scenario::Load;
use trama_base::Rng;

/// Published distributions with their sources. Sizes are those of application data.
pub const PUBLISHED: [Published; 14] = [
    published(
        "web-search",
        "DCTCP, SIGCOMM 2010, as used by pFabric",
        include_str!("../../workloads/pfabric_dctcp.csv"),
    ),
    published(
        "data-mining",
        "VL2, SIGCOMM 2009, as used by pFabric",
        include_str!("../../workloads/pfabric_datamining.csv"),
    ),
    published(
        "imc10",
        "Benson et al., IMC 2010, as used by pFabric",
        include_str!("../../workloads/pfabric_aditya.csv"),
    ),
    published(
        "homa-w1",
        "Facebook key-value stores, Homa, SIGCOMM 2018",
        include_str!("../../workloads/homa_w1_facebook_keyvalue.csv"),
    ),
    published(
        "homa-w2",
        "Google search RPCs, Homa, SIGCOMM 2018",
        include_str!("../../workloads/homa_w2_google_search_rpc.csv"),
    ),
    published(
        "homa-w3",
        "all Google RPCs, Homa, SIGCOMM 2018",
        include_str!("../../workloads/homa_w3_google_all_rpc.csv"),
    ),
    published(
        "homa-w4",
        "Facebook Hadoop, Homa, SIGCOMM 2018",
        include_str!("../../workloads/homa_w4_facebook_hadoop.csv"),
    ),
    published(
        "homa-w5",
        "web search in packets, Homa, SIGCOMM 2018",
        include_str!("../../workloads/homa_w5_dctcp_websearch.csv"),
    ),
    published(
        "hpcc-web-search",
        "artifact of HPCC, SIGCOMM 2019",
        include_str!("../../workloads/hpcc_websearch_distribution.csv"),
    ),
    published(
        "hpcc-hadoop",
        "artifact of HPCC, SIGCOMM 2019",
        include_str!("../../workloads/hpcc_fbhdp_distribution.csv"),
    ),
    published(
        "hpcc-storage",
        "Alibaba storage 2019, artifact of HPCC",
        include_str!("../../workloads/hpcc_alistorage2019.csv"),
    ),
    published(
        "hpcc-rpc",
        "Google RPC 2008, artifact of HPCC",
        include_str!("../../workloads/hpcc_googlerpc2008.csv"),
    ),
    published(
        "dcpim-imc10",
        "dcPIM, SIGCOMM 2022",
        include_str!("../../workloads/dcpim_imc10.csv"),
    ),
    published(
        "dcpim-web-search",
        "dcPIM, SIGCOMM 2022",
        include_str!("../../workloads/dcpim_websearch.csv"),
    ),
];

/// A published distribution.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its name in scenarios.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    text: &'static str,
}

const fn published(name: &'static str, source: &'static str, text: &'static str) -> Published {
    Published { name, source, text }
}

/// A distribution of sizes: points of the cumulative distribution function, straight between.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Bytes, and the share of messages that are not longer; both rise.
    points: Vec<(f64, f64)>,
}

impl Sizes {
    /// All messages are of one size.
    pub fn fixed(bytes: u64) -> Self {
        Self { points: vec![(bytes as f64, 1.0)] }
    }

    /// A published distribution.
    pub fn published(name: &str) -> Result<Self, String> {
        let Some(found) = PUBLISHED.iter().find(|it| it.name == name) else {
            let known: Vec<&str> = PUBLISHED.iter().map(|it| it.name).collect();
            return Err(format!(
                "no distribution is called `{name}`; there are: {}",
                known.join(", ")
            ));
        };
        Self::parse(found.text).map_err(|why| format!("{name}: {why}"))
    }

    /// A published distribution, or that of a file whose name has a point.
    pub fn find(name: &str, load: &Load<'_>) -> Result<Self, String> {
        if name.contains('.') {
            return Self::parse(&load(name)?).map_err(|why| format!("{name}: {why}"));
        }
        Self::published(name)
    }

    /// Reads lines of `size_bytes,cdf` below a line that says so.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (index, line) in text.lines().enumerate().skip(1) {
            let error = |why: &str| format!("line {}: {why}: `{line}`", index + 1);
            let (size, share) = line.split_once(',').ok_or_else(|| error("not `size,share`"))?;
            let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            let (Some(size), Some(share)) = (number(size), number(share)) else {
                return Err(error("not two numbers"));
            };
            if size < 0.0 || !(0.0..=1.0).contains(&share) {
                return Err(error("a size is not negative, a share is 0 to 1"));
            }
            if points.last().is_some_and(|&(s, p)| size < s || share < p) {
                return Err(error("sizes and shares rise"));
            }
            points.push((size, share));
        }
        match points.last() {
            Some(&(_, share)) if share > 0.999_999 => Ok(Self { points }),
            _ => Err("the last share is 1".into()),
        }
    }

    /// Mean size in bytes.
    pub fn mean(&self) -> f64 {
        let (first, share) = self.points[0];
        let pairs = self.points.windows(2);
        let rest = pairs.map(|w| (w[1].1 - w[0].1) * f64::midpoint(w[0].0, w[1].0));
        first * share + rest.sum::<f64>()
    }

    /// Draws a size of at least one byte.
    pub fn sample(&self, rng: &mut Rng) -> u64 {
        self.quantile(rng.unit())
    }

    /// The size that a share of all messages, below 1, do not exceed; at least one byte.
    pub fn quantile(&self, share: f64) -> u64 {
        let index = self.points.partition_point(|&(_, p)| p <= share);
        let Some(&(size, p)) = self.points.get(index) else {
            return self.points.last().map_or(1, |&(size, _)| size as u64);
        };
        let size = match index.checked_sub(1).map(|before| self.points[before]) {
            Some((smaller, q)) => smaller + (size - smaller) * (share - q) / (p - q),
            None => size,
        };
        (size.round() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_published_distribution_has_its_mean_and_median() {
        for it in PUBLISHED {
            let sizes = Sizes::published(it.name).expect("it is published");
            let n = 1_000_000;
            let sum: f64 =
                (0..n).map(|i| sizes.quantile((f64::from(i) + 0.5) / f64::from(n)) as f64).sum();
            let mean = sum / f64::from(n);
            assert!((mean / sizes.mean() - 1.0).abs() < 0.01, "{}: {mean}", it.name);
            let mut rng = Rng::stream(1, it.name);
            let median = sizes.quantile(0.5);
            let below = (0..10_000).filter(|_| sizes.sample(&mut rng) <= median).count();
            assert!((4_800..=5_900).contains(&below), "{}: {below}", it.name);
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused_with_the_line() {
        let check = |text: &str| Sizes::parse(text).expect_err("it is wrong");
        assert_eq!(check("h\n1,0.5\n2,0.4\n"), "line 3: sizes and shares rise: `2,0.4`");
        assert_eq!(check("h\n1;1\n"), "line 2: not `size,share`: `1;1`");
        assert_eq!(check("h\n1,0.5\n"), "the last share is 1");
        assert!(Sizes::published("moon").expect_err("unknown").contains("web-search"));
    }
}
