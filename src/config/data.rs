//! What a model needs to know of its data, asked for while it is read.

use std::fmt::Debug;

use stimuli::imdb_wiki::Faces;
use stimuli::{Analysis, ApplyTo, Shape, Transformation, cifar};

use crate::model::{DatabaseDescription, DatabaseDriver};

/// What a database holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Stimuli of Learn, Validation and Test.
    pub n_stimuli: [usize; 3],
    /// Number of classes.
    pub n_labels: usize,
    /// Size of the images, where all are of one.
    pub shape: Option<Shape>,
    /// Some stimuli have labels of their pixels, not one for the whole.
    pub has_maps: bool,
}

/// Who knows the data.
pub trait Data: Debug + Send + Sync {
    /// What the database holds, once it is partitioned.
    ///
    /// # Errors
    ///
    /// Why it cannot be told: files, what was expected and found, the remedy.
    fn facts(&self, description: &DatabaseDescription) -> Result<Facts, String>;

    /// Figures of the stimuli of the sets `apply_to` after `transformations`.
    ///
    /// # Errors
    ///
    /// As [`Data::facts`].
    fn analyze(
        &self,
        description: &DatabaseDescription,
        transformations: &[Transformation],
        apply_to: ApplyTo,
    ) -> Result<Analysis, String>;
}

/// What the files of a data set hold as they are distributed; `None` where that differs from folder to folder.
pub fn nominal(description: &DatabaseDescription) -> Option<Facts> {
    let square = |channels, side| Some(Shape { channels, height: side, width: side });
    let (n_training, n_test, n_labels, shape, tests_validate) = match description.driver {
        DatabaseDriver::MnistIdx | DatabaseDriver::FashionMnistIdx => (60_000, 10_000, 10, square(1, 28), false),
        DatabaseDriver::Cifar { kind, uses_test_for_validation } => {
            (50_000, 10_000, cifar::Kind::n_classes(kind), square(3, 32), uses_test_for_validation)
        }
        DatabaseDriver::Gtsrb { .. } => (39_209, 12_630, 43, None, false),
        DatabaseDriver::Faces(ref faces) => return Some(of_faces(faces)),
        DatabaseDriver::Folders(_) | DatabaseDriver::Boxes(_) | DatabaseDriver::Masks(_) => return None,
    };
    let n_learn = (f64::from(n_training) * (1.0 - description.validation) + 0.5).floor() as usize;
    let n_stimuli = if tests_validate {
        [n_training as usize, n_test, n_test]
    } else {
        [n_learn, n_training as usize - n_learn, n_test]
    };
    Some(Facts { n_stimuli, n_labels, shape, has_maps: false })
}

/// The faces of IMDB-WIKI, those without a place in their image counted too; which labels there are only the tables tell.
fn of_faces(faces: &Faces) -> Facts {
    const N_IMDB: usize = 460_723;
    const N_WIKI: usize = 62_328;
    let n = N_IMDB * usize::from(faces.imdb) + N_WIKI * usize::from(faces.wiki);
    let share = |fraction: f64| (n as f64 * fraction + 0.5).floor() as usize;
    let (n_learn, n_validation) = (share(faces.learn), share(faces.validation));
    let n_test = n.saturating_sub(n_learn + n_validation);
    Facts { n_stimuli: [n_learn, n_validation, n_test], n_labels: 1, shape: None, has_maps: !faces.crops }
}
