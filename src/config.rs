//! INI text becomes a network description; the only room that knows INI.
//!
//! [`load`] reads lines ([`ini`]), works out values ([`value`]) through one table of keys ([`registry`]) and gathers all
//! faults of a file, each with its line.

pub mod fault;
pub mod ini;
pub mod registry;
pub mod value;

mod build;
mod cells;
mod data;
mod database;
mod expression;
mod labels;
mod learning;
mod mapping;
mod nearest;
mod order;
mod reader;
mod resolve;
pub mod rewritten;
pub mod saved;
mod targets;
mod template;
mod transformations;

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::model::{Description, Width};

pub use data::{Data, Facts, nominal};
pub use fault::{Fault, Faults, warnings_text};
pub(crate) use nearest::did_you_mean;
pub use nearest::nearest;
pub use registry::reference;
pub use resolve::Environment;
pub use template::Files;

/// How a model is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Makes an unknown key, or one that would have no effect, an error instead of a warning.
    pub strict: bool,
    /// What `${NAME}` in a path may mean.
    pub environment: Environment,
    /// Who knows the data; without it they are taken to be as distributed.
    pub data: Option<Arc<dyn Data>>,
    /// The templates that a model may include, by their path from its folder.
    pub files: Files,
    /// Parameters that were saved for it: `<layer>.cfg`.
    pub saved: Files,
}

impl Options {
    /// The defaults with the environment of this process.
    pub fn from_environment() -> Self {
        Self { environment: Environment::of_process(), ..Self::default() }
    }
}

impl Default for Options {
    /// Not strict, no environment, the data as distributed, no other files.
    fn default() -> Self {
        Self {
            strict: false,
            environment: Environment::default(),
            data: None,
            files: Files::default(),
            saved: Files::default(),
        }
    }
}

/// Reads the model `text`, which the user knows as `path_shown`: the description, and warnings in file order.
///
/// # Errors
///
/// Every fault of the text at once.
pub fn load(path_shown: &str, text: &str, options: &Options) -> Result<(Description, Vec<Fault>), Faults> {
    let path: Arc<str> = path_shown.into();
    let mut parsed = ini::parse_with(text, &options.environment, &options.files);
    saved::read(&mut parsed, &options.saved);
    let mut reader = reader::Reader::new(
        &parsed.document,
        &options.environment,
        options.files.clone(),
        path.clone(),
        options.strict,
    );
    let parts = build::read(&mut reader, options.data.as_deref());
    reader.report_unused();

    let mut errors = parsed.errors;
    if !parsed.lacks_sections {
        errors.append(&mut reader.errors);
    }
    let mut warnings = parsed.warnings;
    warnings.append(&mut reader.warnings);
    if !errors.is_empty() && !parsed.lacks_sections {
        // A name misspelt is often why another one is missing: beside errors it is told as one.
        errors.extend(warnings.extract_if(.., |warning| warning.message.contains("; did you mean ")));
    }
    let included = &parsed.document.included;
    let others = reader.files.iter();
    let names = included.iter().map(|file| &file.name).chain(others.clone().map(|(name, _)| name));
    let names: Vec<Arc<str>> = names.cloned().collect();
    for faults in [&mut errors, &mut warnings] {
        fault::name_files(faults, &names);
        fault::in_file_order(faults);
    }
    let (Some(database), Some(stimuli), true) = (parts.database, parts.stimuli, errors.is_empty()) else {
        debug_assert!(!errors.is_empty(), "an incomplete description without a fault");
        return Err(Faults { path, faults: errors });
    };
    let description = Description {
        name: path_shown.rsplit(['/', '\\']).next().unwrap_or(path_shown).to_owned(),
        sha256: sha256(
            std::iter::once(text)
                .chain(included.iter().map(|file| &*file.text))
                .chain(others.map(|(_, text)| text.as_str())),
        ),
        check_weight_range: parts.check_weight_range,
        normalization: parts.normalization,
        pooling: parts.pooling,
        width: Width::default(),
        database,
        stimuli,
        cells: parts.cells.descriptions,
        targets: parts.targets,
    };
    Ok((description, warnings))
}

/// The hash of all texts, one after the other.
fn sha256<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let hash = texts.fold(Sha256::new(), |hash, text| hash.chain_update(text.as_bytes()));
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
