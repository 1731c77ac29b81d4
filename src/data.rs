//! The data of a run: read and partitioned once, whoever asks first.

use std::sync::{Arc, OnceLock};

use stimuli::{Analysis, ApplyTo, Database, Mt19937, Transformation};

use crate::config::{self, Data, Facts};
use crate::locate;
use crate::model::DatabaseDescription;

/// Where the database of a model comes from.
#[derive(Debug)]
pub struct DataSource {
    seed: u32,
    /// What can be told without the files is.
    is_nominal_enough: bool,
    database: OnceLock<Result<Arc<Database>, String>>,
}

impl DataSource {
    /// Data that a run presents, partitioned with its seed.
    pub fn new(seed: u32) -> Self {
        Self { seed, is_nominal_enough: false, database: OnceLock::new() }
    }

    /// Data for a look at a model: files are read only for what nothing else tells.
    pub fn for_a_look() -> Self {
        Self { is_nominal_enough: true, ..Self::new(1) }
    }

    /// A database at hand.
    pub fn of(database: Arc<Database>) -> Self {
        Self { seed: 1, is_nominal_enough: false, database: OnceLock::from(Ok(database)) }
    }

    /// The database, partitioned.
    ///
    /// # Errors
    ///
    /// Files that are missing or faulty.
    pub fn database(&self, description: &DatabaseDescription) -> Result<Arc<Database>, String> {
        let read = || {
            let mut database = locate::database(description)?;
            database.partition(description.random_partitioning, &mut Mt19937::new(self.seed));
            Ok(Arc::new(database))
        };
        self.database.get_or_init(read).clone()
    }
}

impl Data for DataSource {
    fn facts(&self, description: &DatabaseDescription) -> Result<Facts, String> {
        if self.is_nominal_enough
            && let Some(facts) = config::nominal(description)
        {
            return Ok(facts);
        }
        let database = self.database(description)?;
        Ok(Facts {
            n_stimuli: stimuli::Set::ALL.map(|set| database.set(set).len()),
            n_labels: database.label_names().len(),
            shape: database.common_shape(),
        })
    }

    fn analyze(
        &self,
        description: &DatabaseDescription,
        transformations: &[Transformation],
        apply_to: ApplyTo,
    ) -> Result<Analysis, String> {
        let database = self.database(description)?;
        stimuli::analyze(&database, transformations, apply_to, u64::from(self.seed)).map_err(|error| error.to_string())
    }
}
