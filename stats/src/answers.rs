//! How far the frame network and the spiking network give the same answers.

/// Stimuli by what both networks say of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Both say the right class.
    pub both_right: u64,
    /// Both say the same wrong class.
    pub same_wrong: u64,
    /// Both are wrong, with different answers, or no spike of an output.
    pub both_wrong: u64,
    /// The frame network alone is right.
    pub formal_only: u64,
    /// The spiking network alone is right.
    pub spiking_only: u64,
}

impl Answers {
    /// Counts a stimulus of a class; the spiking network may have no answer.
    pub fn add(&mut self, class: usize, formal: usize, spiking: Option<usize>) {
        let counter = match (formal == class, spiking == Some(class)) {
            (true, true) => &mut self.both_right,
            (true, false) => &mut self.formal_only,
            (false, true) => &mut self.spiking_only,
            (false, false) if spiking == Some(formal) => &mut self.same_wrong,
            (false, false) => &mut self.both_wrong,
        };
        *counter += 1;
    }

    /// Stimuli counted.
    pub fn total(&self) -> u64 {
        self.both_right + self.same_wrong + self.both_wrong + self.formal_only + self.spiking_only
    }

    /// Stimuli with the same answer of both.
    pub fn same(&self) -> u64 {
        self.both_right + self.same_wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stimulus_is_counted_once() {
        let mut agreement = Answers::default();
        for (formal, spiking) in
            [(1, Some(1)), (1, Some(2)), (1, None), (2, Some(1)), (2, Some(2)), (2, Some(3)), (2, None)]
        {
            agreement.add(1, formal, spiking);
        }
        let expected = Answers { both_right: 1, same_wrong: 1, both_wrong: 2, formal_only: 2, spiking_only: 1 };
        assert_eq!(agreement, expected);
        assert_eq!((agreement.total(), agreement.same()), (7, 2));
    }
}
