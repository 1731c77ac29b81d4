//! Every event queue tried, in the hold model: the best of ours against the best of the crates.

use anyhow::{Result, bail};

use super::Suite;
use super::hold::{CONTENDERS, Contender, INCREMENTS, Increments};
use super::line::{Bound, Figure, Line, Side, Takes, Unit};
use super::measure::Spread;
use super::suite::Bench;
use crate::report::number::grouped;
use crate::run::interrupt;

/// A size: pending events, holds that a round times, how often a queue is filled, rounds of each filling.
struct Size {
    name: &'static str,
    n_pending: usize,
    n_holds: usize,
    fillings: usize,
    rounds: usize,
    is_judged: bool,
}

const SIZES: [Size; 6] = [
    Size { name: "1e2", n_pending: 100, n_holds: 1_000_000, fillings: 5, rounds: 1, is_judged: false },
    Size { name: "1e3", n_pending: 1000, n_holds: 1_000_000, fillings: 5, rounds: 1, is_judged: true },
    Size { name: "1e4", n_pending: 10_000, n_holds: 1_000_000, fillings: 5, rounds: 1, is_judged: false },
    Size { name: "1e5", n_pending: 100_000, n_holds: 1_000_000, fillings: 5, rounds: 1, is_judged: true },
    Size { name: "1e6", n_pending: 1_000_000, n_holds: 1_000_000, fillings: 3, rounds: 1, is_judged: false },
    // Filling takes most of the time.
    Size { name: "1e7", n_pending: 10_000_000, n_holds: 1_000_000, fillings: 1, rounds: 3, is_judged: true },
];
/// What ours may take of the time of the best crate.
const SHARE: f64 = 0.7;
/// Queues that order by less than the whole key. None of them is the best of ours or the best crate, but where such a
/// crate is faster than the best, the ratio to it is shown, too.
const BY_LESS: [&str; 2] = ["tournament", "radix-heap (time only)"];
/// Pending events of a smoke run at most, and its holds: some 100 us at least, which the clock can tell.
const QUICK_PENDING: usize = 1000;
const QUICK_HOLDS: usize = 20_000;

pub fn run(suite: &mut Suite) -> Result<()> {
    for size in &SIZES {
        for increments in INCREMENTS {
            let name = format!("hold/{}-{}", size.name, increments.name());
            suite.line(&name, |bench| hold(bench, &name, size, increments))?;
        }
    }
    Ok(())
}

fn hold(bench: &Bench, name: &str, size: &Size, increments: Increments) -> Result<Line> {
    let (n_pending, n_holds) = if bench.is_quick() {
        (size.n_pending.min(QUICK_PENDING), QUICK_HOLDS)
    } else {
        (size.n_pending, size.n_holds)
    };
    let mut seconds = vec![Vec::new(); CONTENDERS.len()];
    for _ in 0..bench.n(size.fillings) {
        let mut checksum = None;
        for (contender, seconds) in CONTENDERS.iter().zip(&mut seconds) {
            interrupt::check()?;
            let held = (contender.run)(n_pending, increments, n_holds, bench.n(size.rounds));
            if *checksum.get_or_insert(held.checksum) != held.checksum {
                bail!("`{}` pops its events in another order than `{}`", contender.name, CONTENDERS[0].name);
            }
            seconds.extend(held.seconds.iter().map(|seconds| seconds / n_holds as f64));
        }
    }
    let spreads: Vec<Spread> = seconds.iter().map(|seconds| Spread::of(seconds.clone())).collect();
    let best = |is_compared: &dyn Fn(&Contender) -> bool| {
        let queues = (0..CONTENDERS.len()).filter(|&i| is_compared(&CONTENDERS[i]));
        queues.min_by(|&a, &b| spreads[a].median.total_cmp(&spreads[b].median))
    };
    let by_less = |contender: &Contender| BY_LESS.contains(&contender.name);
    let (Some(ours), Some(theirs), Some(of_any_kind)) = (
        best(&|contender| contender.is_ours && !by_less(contender)),
        best(&|contender| !contender.is_ours && !by_less(contender)),
        best(&|contender| !contender.is_ours),
    ) else {
        bail!("there are no two queues to compare");
    };
    let ratio = |name: String, theirs: usize| {
        let ratios = seconds[ours].iter().zip(&seconds[theirs]).map(|(ours, theirs)| ours / theirs).collect();
        let ratio = Figure::new(name, Unit::Ratio, Spread::of(ratios));
        if size.is_judged { ratio.target(Bound::AtMost, SHARE) } else { ratio }
    };
    let against_any =
        (of_any_kind != theirs).then(|| ratio(format!("ratio to {}", CONTENDERS[of_any_kind].name), of_any_kind));
    let side = |kind: &str, i: usize| Side {
        name: format!("a hold, {kind}: {}", CONTENDERS[i].name),
        takes: Takes::Seconds(spreads[i]),
        reads: None,
    };
    let others = (0..CONTENDERS.len()).filter(|&i| i != ours && i != theirs);
    Ok(Line {
        name: name.to_string(),
        what: format!(
            "{} events pending, 16 bytes each beside the key, {} increments, {} holds",
            grouped(n_pending as u64),
            increments.name(),
            grouped(n_holds as u64)
        ),
        sides: [side("best of ours", ours), side("best crate", theirs)],
        ratio: ratio("ratio, time".to_string(), theirs),
        figures: against_any
            .into_iter()
            .chain(others.map(|i| Figure::new(label(CONTENDERS[i].name), Unit::Seconds, spreads[i])))
            .collect(),
    })
}

fn label(name: &str) -> String {
    let by_less = if BY_LESS.contains(&name) { ", not by the whole key" } else { "" };
    format!("a hold, {name}{by_less}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_there() {
        assert!(BY_LESS.iter().all(|name| CONTENDERS.iter().any(|contender| contender.name == *name)));
    }
}
