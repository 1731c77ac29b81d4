/// The numbers of `0..n` that have not been taken, in increasing order.
///
/// A Fenwick tree (P. M. Fenwick, 1994) of how many remain: the k-th is found and taken in O(log n), where an ordered
/// list would move everything behind it.
pub(crate) struct Remaining {
    /// Node `i` (from 1) counts what remains of the `i & -i` numbers that end at `i`.
    tree: Vec<u32>,
    len: usize,
}

impl Remaining {
    pub(crate) fn new(n: usize) -> Self {
        let tree = (0..=n).map(|i| (i & i.wrapping_neg()) as u32).collect();
        Self { tree, len: n }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Removes the number that `k` smaller ones precede, and returns it; `k` is below [`Remaining::len`].
    pub(crate) fn take(&mut self, k: usize) -> usize {
        assert!(k < self.len, "expected an index below {}, found {k}", self.len);
        let n = self.tree.len() - 1;
        let mut before = k as u32;
        let mut at = 0;
        let mut step = n.checked_ilog2().map_or(0, |bits| 1 << bits);
        // The nodes that are not descended into are those that hold the number taken, so both happen in one pass.
        while step > 0 {
            if at + step <= n {
                if self.tree[at + step] <= before {
                    at += step;
                    before -= self.tree[at];
                } else {
                    self.tree[at + step] -= 1;
                }
            }
            step >>= 1;
        }
        self.len -= 1;
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn taking_agrees_with_removing_from_a_list(n in 1_usize..70, draws in proptest::collection::vec(any::<u32>(), 70)) {
            let mut list: Vec<usize> = (0..n).collect();
            let mut remaining = Remaining::new(n);
            for draw in draws.into_iter().take(n) {
                let k = draw as usize % list.len();
                prop_assert_eq!(remaining.take(k), list.remove(k));
                prop_assert_eq!(remaining.len(), list.len());
            }
        }
    }
}
