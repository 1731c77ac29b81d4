//! The names of labels.

use std::collections::HashMap;

/// Names, each with its number in the order in which they are met.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Names {
    /// The number of a name, which it gets here where it has none.
    pub fn number(&mut self, name: &str) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        self.all.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }

    /// The names, in the order of their numbers.
    pub fn into_names(self) -> Vec<String> {
        self.all
    }
}
