//! The data of a run: read and partitioned once, whoever asks first.

use std::sync::{Arc, OnceLock};

use stimuli::{Analysis, ApplyTo, Database, Faults, Mt19937, Set, Transformation};

use crate::config::{self, Data, Facts};
use crate::locate;
use crate::model::DatabaseDescription;

/// Keys the order of the parts of images, beside the seed.
const SLICING: u32 = u32::from_be_bytes(*b"part");

/// Where the database of a model comes from.
#[derive(Debug)]
pub struct DataSource {
    seed: u32,
    /// Stimuli that cannot be read are left out.
    skips_bad: bool,
    /// What can be told without the files is.
    is_nominal_enough: bool,
    database: OnceLock<Result<Arc<Database>, String>>,
    /// What is wrong with the stimuli that were left out.
    skipped: OnceLock<Vec<String>>,
}

impl DataSource {
    /// Data that a run presents, partitioned with its seed.
    pub fn new(seed: u32) -> Self {
        Self { seed, skips_bad: false, is_nominal_enough: false, database: OnceLock::new(), skipped: OnceLock::new() }
    }

    /// The same, but that stimuli that cannot be read may be left out of their sets.
    pub fn skipping(self, skips_bad: bool) -> Self {
        Self { skips_bad, ..self }
    }

    /// Data for a look at a model: files are read only for what nothing else tells.
    pub fn for_a_look() -> Self {
        Self { is_nominal_enough: true, ..Self::new(1) }
    }

    /// A database at hand.
    pub fn of(database: Arc<Database>) -> Self {
        Self { database: OnceLock::from(Ok(database)), ..Self::new(1) }
    }

    /// The database, partitioned.
    ///
    /// # Errors
    ///
    /// Files that are missing or faulty.
    pub fn database(&self, description: &DatabaseDescription) -> Result<Arc<Database>, String> {
        let read = || {
            let mut faults = if self.skips_bad { Faults::skipped() } else { Faults::refused() };
            let mut database = locate::database(description, &mut faults)?;
            database.compose(description.composition, description.default_label.as_deref());
            database.partition(description.random_partitioning, &mut Mt19937::new(self.seed));
            let mut rng = Mt19937::new(self.seed ^ SLICING);
            for filter in &description.filters {
                database.filter_rois(&filter.value).map_err(|error| format!("{}: {error}", filter.span))?;
            }
            for slicing in &description.slicings {
                database.slice(&slicing.value, &mut rng).map_err(|error| format!("{}: {error}", slicing.span))?;
            }
            if self.skips_bad {
                database.leave_out_unreadable(&mut faults);
            }
            let _ = self.skipped.set(faults.found().iter().map(ToString::to_string).collect());
            Ok(Arc::new(database))
        };
        self.database.get_or_init(read).clone()
    }

    /// What is wrong with the stimuli that were left out, a line each.
    pub fn skipped(&self) -> &[String] {
        self.skipped.get().map_or(&[], Vec::as_slice)
    }
}

impl Data for DataSource {
    fn facts(&self, description: &DatabaseDescription) -> Result<Facts, String> {
        // Files of one's own may hold other sizes than those that are distributed.
        let may_differ = description.data_path.as_ref().is_some_and(|path| path.value.is_dir());
        if self.is_nominal_enough
            && !may_differ
            && let Some(facts) = config::nominal(description)
        {
            return Ok(facts);
        }
        let database = self.database(description)?;
        Ok(Facts {
            n_stimuli: Set::ALL.map(|set| database.set(set).len()),
            n_labels: database.label_names().len(),
            shape: database.common_shape(),
            has_maps: database.has_rois() && (0..database.len()).any(|id| database.is_composite(id)),
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
