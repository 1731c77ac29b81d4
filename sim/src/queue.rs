//! The event queue: a 4-ary heap whose keys hold the whole order.

/// Children of a node. Four keep the heap shallow, and lie side by side in memory.
const ARITY: usize = 4;

/// A queue of pending things that gives back the least first.
///
/// The order is that of `T`, which must be total over content: equal items are interchangeable.
#[derive(Clone, Debug)]
pub struct EventQueue<T> {
    heap: Vec<T>,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self { heap: Vec::new() }
    }
}

impl<T: Ord + Copy> EventQueue<T> {
    /// The least item.
    #[inline(always)]
    pub fn peek(&self) -> Option<&T> {
        self.heap.first()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The items in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.heap.iter()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.heap.clear();
    }

    /// Takes all items from an iterator; forgets what was there.
    pub fn refill(&mut self, items: impl Iterator<Item = T>) {
        self.heap.clear();
        self.heap.extend(items);
        for i in (0..self.heap.len().div_ceil(ARITY)).rev() {
            self.sift_down(i);
        }
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        self.heap.push(item);
        let mut i = self.heap.len() - 1;
        while i > 0 {
            let parent = (i - 1) / ARITY;
            if self.heap[parent] <= item {
                break;
            }
            self.heap[i] = self.heap[parent];
            i = parent;
        }
        self.heap[i] = item;
    }

    /// Takes the least item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.heap.pop()?;
        let Some(&first) = self.heap.first() else { return Some(last) };
        self.replace_first(last);
        Some(first)
    }

    /// Puts `item` in the place of the least item, cheaper than a pop and a push. The queue must not be empty.
    #[inline]
    pub fn replace_first(&mut self, item: T) {
        self.heap[0] = item;
        self.sift_down(0);
    }

    #[inline]
    fn sift_down(&mut self, mut i: usize) {
        let n = self.heap.len();
        if i >= n {
            return;
        }
        let item = self.heap[i];
        loop {
            let first = i * ARITY + 1;
            if first >= n {
                break;
            }
            let children = &self.heap[first..(first + ARITY).min(n)];
            let mut least = 0;
            for k in 1..children.len() {
                if children[k] < children[least] {
                    least = k;
                }
            }
            if item <= children[least] {
                break;
            }
            self.heap[i] = children[least];
            i = first + least;
        }
        self.heap[i] = item;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(u64),
        Pop,
        Replace(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        // A narrow range, so that ties are common.
        prop_oneof![3 => (0..50_u64).prop_map(Step::Push), 2 => Just(Step::Pop), 1 => (0..50_u64).prop_map(Step::Replace)]
    }

    proptest! {
        #[test]
        fn the_queue_gives_what_a_sorted_map_gives(start in prop::collection::vec(0..50_u64, 0..40), steps in prop::collection::vec(step(), 0..300)) {
            let mut queue = EventQueue::default();
            let mut map = BTreeMap::new();
            queue.refill(start.iter().enumerate().map(|(i, &t)| (t, i)));
            map.extend(start.iter().enumerate().map(|(i, &t)| ((t, i), ())));
            for (i, step) in steps.into_iter().enumerate() {
                let item = |time| (time, start.len() + i);
                match step {
                    Step::Push(time) => {
                        queue.push(item(time));
                        map.insert(item(time), ());
                    }
                    Step::Pop => prop_assert_eq!(queue.pop(), map.pop_first().map(|(key, ())| key)),
                    Step::Replace(time) if !map.is_empty() => {
                        map.pop_first();
                        map.insert(item(time), ());
                        queue.replace_first(item(time));
                    }
                    Step::Replace(_) => {}
                }
                prop_assert_eq!(queue.peek(), map.keys().next());
                prop_assert_eq!(queue.len(), map.len());
            }
            while let Some(least) = queue.pop() {
                prop_assert_eq!(Some(least), map.pop_first().map(|(key, ())| key));
            }
            prop_assert!(map.is_empty());
        }
    }
}
