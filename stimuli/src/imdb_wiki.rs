//! IMDB-WIKI, faces with ages and genders (R. Rothe, R. Timofte, L. Van Gool, 2018; `formal.md` 4.7).
//!
//! Images are in the folders `imdb` and `wiki`, what is known of them in `imdb.csv` and `wiki.csv` (one line a face,
//! `full_path;name;x0;y0;x1;y1;dob;photo_taken;gender`), or in the data set's own `imdb.mat` and `wiki.mat`.

mod matlab;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::database::{Annotation, Content, ImageFile};
use crate::folder::formats;
use crate::names::Names;
use crate::partition::Rule;
use crate::roi::{Outline, Roi};
use crate::{Database, Depth, Error, Faults, Shape};

/// What to read, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Faces {
    /// Folder of the folders `imdb`, `wiki`, `imdb_crop`, `wiki_crop`.
    pub data_path: PathBuf,
    /// Folder of the tables; MATLAB files are also found beside the images, as they are distributed.
    pub label_path: PathBuf,
    /// Reads the faces of IMDB, before those of Wikipedia.
    pub imdb: bool,
    /// Reads the faces of Wikipedia.
    pub wiki: bool,
    /// Takes images that were cropped to one face, with a label each and no regions.
    pub crops: bool,
    /// Labels are the persons' names, instead of gender and age.
    pub names_are_labels: bool,
    /// Label of pixels outside the faces, the first of all labels.
    pub default_label: Option<String>,
    /// Share of the Learn set.
    pub learn: f64,
    /// Share of the Validation set; the rest is tested.
    pub validation: f64,
}

/// One face, as a table has it.
#[derive(Clone, Debug, PartialEq)]
struct Face {
    /// The file, and the line or record in it.
    place: String,
    full_path: String,
    name: String,
    /// First column and row, one past the last column and row, from 0.
    corners: [f64; 4],
    /// Years.
    age: f64,
    /// 0 is female, 1 male, others unknown.
    gender: f64,
}

/// The faces of a table, those without a place in the image left out.
#[derive(Debug, Default, PartialEq)]
struct Table {
    faces: Vec<Face>,
    /// Faces that were not found in their images.
    n_not_located: usize,
    /// Lines that are comments.
    n_comments: usize,
}

/// Reads the tables and the sizes of the images; the database is not partitioned yet. Several faces of one image are regions of
/// one stimulus.
///
/// # Errors
///
/// [`Error::Folder`] where a table is absent; [`Error::Record`], [`Error::Named`] and [`Error::Mat`] for what is wrong in them,
/// unless `faults` leaves it out.
pub fn load(config: &Faces, faults: &mut Faults) -> Result<Database, Error> {
    let mut labels = Names::default();
    if let Some(name) = &config.default_label {
        labels.number(name);
    }
    let mut images = Vec::new();
    let mut notes = Vec::new();
    for set in
        [("imdb", config.imdb), ("wiki", config.wiki)].into_iter().filter_map(|(set, is_read)| is_read.then_some(set))
    {
        let (path, table) = table(config, set, faults)?;
        if table.n_comments > 0 {
            notes.push(format!("{}: {} lines that begin with `#` were passed over", path.display(), table.n_comments));
        }
        if table.n_not_located > 0 {
            notes.push(format!(
                "{}: {} faces have no place in their image and are left out",
                path.display(),
                table.n_not_located
            ));
        }
        let folder = config.data_path.join(if config.crops { format!("{set}_crop") } else { set.to_owned() });
        images.extend(by_image(&folder, table.faces));
    }
    let formats = formats(images.iter().map(|(path, _)| path.as_path()));
    let mut files = Vec::with_capacity(images.len());
    for ((path, faces), format) in images.into_iter().zip(formats) {
        let named = |fault| Error::Named { place: faces[0].place.clone(), fault: Box::new(fault) };
        let Some(format) = faults.keep(format.map_err(named)) else { continue };
        let file = if config.crops {
            cropped(config, path, format, &faces, &mut labels)
        } else {
            whole(config, path, format, &faces, &mut labels)
        };
        files.extend(faults.keep(file));
    }
    faults.end()?;
    let rule = if config.names_are_labels {
        Rule::PerLabel { learn: config.learn, validation: config.validation, test: None, is_equivalent: false }
    } else {
        Rule::Fractions { learn: config.learn, validation: config.validation, test: None }
    };
    let n = files.len();
    Ok(Database::new(labels.into_names(), vec![Content::Files(files)], vec![(n, rule)]).with_notes(notes))
}

/// Finds and reads what is known of a set.
fn table(config: &Faces, set: &str, faults: &mut Faults) -> Result<(PathBuf, Table), Error> {
    let mat = format!("{set}.mat");
    let places = [
        config.label_path.join(format!("{set}.csv")),
        config.label_path.join(&mat),
        config.data_path.join(set).join(&mat),
        config.data_path.join(format!("{set}_crop")).join(&mat),
    ];
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        return Err(Error::Folder {
            folder: config.label_path.display().to_string(),
            expected: format!("`{set}.csv`, or `{mat}` of the public data set"),
            found: "neither".to_owned(),
            remedy: "set `LabelPath` to the folder of the tables, and `WikiSet`, `IMDBSet` to the sets that you have",
        });
    };
    let is_table = path.extension().is_some_and(|extension| extension == "csv");
    let table = if is_table { table::read(path, faults)? } else { matlab::read(path, set, faults)? };
    Ok((path.clone(), table))
}

/// The faces of each image, in the order in which the images are met.
fn by_image(folder: &Path, faces: Vec<Face>) -> Vec<(PathBuf, Vec<Face>)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut images: Vec<(PathBuf, Vec<Face>)> = Vec::new();
    for face in faces {
        let at = *places.entry(face.full_path.clone()).or_insert_with(|| {
            images.push((folder.join(&face.full_path), Vec::new()));
            images.len() - 1
        });
        images[at].1.push(face);
    }
    images
}

fn whole(
    config: &Faces,
    path: PathBuf,
    format: (Shape, Depth),
    faces: &[Face],
    labels: &mut Names,
) -> Result<ImageFile, Error> {
    let mut rois = Vec::with_capacity(faces.len());
    for face in faces {
        let [x0, y0, x1, y1] = face.corners.map(|at| at as i32);
        let outline = Outline::Rectangle { x0, y0, x1, y1 };
        outline.check(&face.place, format.0)?;
        rois.push(Roi { label: labels.number(&face.label(config.names_are_labels)), outline });
    }
    let annotation = Some(Box::new(Annotation { rois, mask: None }));
    Ok(ImageFile { annotation, ..ImageFile::new(path, format, None) })
}

fn cropped(
    config: &Faces,
    path: PathBuf,
    format: (Shape, Depth),
    faces: &[Face],
    labels: &mut Names,
) -> Result<ImageFile, Error> {
    let label = faces[0].label(config.names_are_labels);
    if let Some(other) = faces.iter().find(|face| face.label(config.names_are_labels) != label) {
        return Err(Error::Record {
            place: other.place.clone(),
            expected: format!("the label `{label}` as in {}", faces[0].place),
            found: format!("`{}` for the same image", other.label(config.names_are_labels)),
            remedy: "keep one record an image, or take whole images (`CropFrame=0`)",
        });
    }
    Ok(ImageFile::new(path, format, Some(labels.number(&label))))
}

impl Face {
    /// Such as `M-34`, `F-?`: gender and age in years, each `?` where it is unknown or cannot be; or the name.
    fn label(&self, is_name: bool) -> String {
        if is_name {
            return if self.name.is_empty() { "?".to_owned() } else { self.name.clone() };
        }
        let gender = match self.gender {
            0.0 => 'F',
            1.0 => 'M',
            _ => '?',
        };
        if (0.0..=99.0).contains(&self.age) {
            format!("{gender}-{}", six_digits(self.age))
        } else {
            format!("{gender}-?")
        }
    }

    /// Whether a detector found it; where it did not, the box is that of the whole image.
    fn is_located(first_corner: [f64; 2], last_corner: [f64; 2]) -> bool {
        first_corner != [1.0, 1.0] && last_corner != [1.0, 1.0]
    }
}

/// A number of at most 99 with six significant digits, without zeros at the end, as C++ prints it.
fn six_digits(value: f64) -> String {
    let whole = value.trunc();
    let places = if whole >= 10.0 {
        4
    } else if whole >= 1.0 {
        5
    } else {
        6
    };
    let text = format!("{value:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Mt19937, Set};

    fn face(age: f64, gender: f64) -> Face {
        Face {
            place: "x".into(),
            full_path: "a.png".into(),
            name: "Ann".into(),
            corners: [0.0, 0.0, 1.0, 1.0],
            age,
            gender,
        }
    }

    #[test]
    fn a_label_is_gender_and_age_or_the_name() {
        for (age, gender, expect) in [
            (34.0, 1.0, "M-34"),
            (0.0, 0.0, "F-0"),
            (99.0, f64::NAN, "?-99"),
            (99.5, 1.0, "M-?"),
            (-1.0, 0.0, "F-?"),
            (f64::NAN, 2.0, "?-?"),
            (25.5, 0.0, "F-25.5"),
            (1.0 / 3.0, 0.0, "F-0.333333"),
        ] {
            assert_eq!(face(age, gender).label(false), expect);
        }
        assert_eq!(face(3.0, 0.0).label(true), "Ann");
        assert_eq!(Face { name: String::new(), ..face(3.0, 0.0) }.label(true), "?");
    }

    /// Images of 6 columns and 4 rows, `a` to `e`, and a table.
    fn wiki(table: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for set in ["wiki", "wiki_crop"] {
            let images = folder.path().join(set).join("00");
            fs::create_dir_all(&images).unwrap();
            for name in ["a", "b", "c", "d"] {
                let bytes = [b"P5 6 4 255\n", &[0; 24][..]].concat();
                fs::write(images.join(format!("{name}.png")), bytes).unwrap();
            }
        }
        fs::write(folder.path().join("wiki.csv"), table).unwrap();
        folder
    }

    fn config(folder: &Path) -> Faces {
        Faces {
            data_path: folder.to_owned(),
            label_path: folder.to_owned(),
            imdb: false,
            wiki: true,
            crops: false,
            names_are_labels: false,
            default_label: Some("background".into()),
            learn: 0.5,
            validation: 0.25,
        }
    }

    const TABLE: &str = "# a comment\n00/a.png;A &amp; B;1;0;3;2;1980;2005;1;3.5\n\n00/b.png;;0.9;1.9;9;9;1990.5;2010;0\n\
                         00/a.png;C;4;2;6;4;1980;1970;nan;\n00/c.png;D;1;1;6;4;1;2;0\n00/d.png;D;2;2;6;4;1970;1990;1\n";

    #[test]
    fn the_faces_of_an_image_are_its_regions() {
        let folder = wiki(TABLE);
        let mut faults = Faults::refused();
        let mut database = load(&config(folder.path()), &mut faults).unwrap();
        assert_eq!(database.label_names(), ["background", "M-25", "?-?", "F-19.5", "M-20"]);
        let regions = |id| database.rois(id).iter().map(|roi| (roi.label, roi.outline.bounds())).collect::<Vec<_>>();
        assert_eq!(
            [0, 1, 2].map(regions),
            [vec![(1, [1, 0, 3, 2]), (2, [4, 2, 6, 4])], vec![(3, [0, 1, 9, 9])], vec![(4, [2, 2, 6, 4])]]
        );
        assert_eq!((database.label(0), database.is_composite(0)), (None, true));
        assert!(database.notes()[0].contains("1 lines") && database.notes()[1].contains("1 faces have no place"));
        database.partition(false, &mut Mt19937::new(1));
        assert_eq!(Set::ALL.map(|set| database.set(set).to_vec()), [vec![0, 1], vec![2], vec![]]);
    }

    #[test]
    fn crops_have_one_label_which_may_be_the_name() {
        let folder = wiki(
            "00/a.png;Ann;2;0;3;2;1980;2005;1\n00/b.png;Bob;2;0;3;2;1980;2005;1\n00/c.png;Ann;2;0;3;2;1980;2005;0\n",
        );
        let mut faces = Faces { crops: true, default_label: None, ..config(folder.path()) };
        let labels = |faces: &Faces| {
            let database = load(faces, &mut Faults::refused()).unwrap();
            assert!(!database.has_rois());
            (0..3).map(|id| database.label_names()[database.label(id).unwrap()].clone()).collect::<Vec<_>>()
        };
        assert_eq!(labels(&faces), ["M-25", "M-25", "F-25"]);
        faces.names_are_labels = true;
        assert_eq!(labels(&faces), ["Ann", "Bob", "Ann"]);
    }

    #[test]
    fn the_public_data_set_is_read_as_it_is_distributed() {
        let folder = wiki("");
        fs::remove_file(folder.path().join("wiki.csv")).unwrap();
        let mat = include_bytes!("../tests/mat5/faces.mat");
        fs::write(folder.path().join("wiki_crop/wiki.mat"), mat).unwrap();
        let faces = Faces { default_label: None, ..config(folder.path()) };
        let database = load(&faces, &mut Faults::refused()).unwrap();
        assert_eq!(database.label_names(), ["M-25", "F-25", "?-?"]);
        let regions = |id| database.rois(id).iter().map(|roi| (roi.label, roi.outline.bounds())).collect::<Vec<_>>();
        // MATLAB counts from 1 and the last pixel is inside.
        assert_eq!([0, 1, 2].map(regions), [vec![(0, [1, 0, 4, 2])], vec![(1, [1, 0, 3, 3])], vec![(2, [1, 1, 3, 3])]]);
        let message = load(&Faces { imdb: true, ..faces }, &mut Faults::refused()).unwrap_err().to_string();
        assert!(message.contains("expected `imdb.csv`, or `imdb.mat`") && message.contains("`LabelPath`"), "{message}");
    }

    #[test]
    fn faults_are_told_together_with_their_lines_or_left_out() {
        let folder = wiki(
            "00/a.png;A;1;0;3;2;1980;2005;1\n00/a.png;A;1;0;3;2;1980;2005\n00/b.png;A;x;0;3;2;1980;2005;1\n\
             00/missing.png;A;1;0;3;2;1980;2005;1\n00/c.png;A;6;0;9;2;1980;2005;1\n00/d.png;A;3;0;2;2;1980;2005;1\n",
        );
        let message = load(&config(folder.path()), &mut Faults::refused()).unwrap_err().to_string();
        for part in [
            "wiki.csv, line 2: expected `full_path;name;x0;y0;x1;y1;dob;photo_taken;gender`, found `00/a.png;A;1;0;3;2;1980;2005`",
            "wiki.csv, line 3: expected a number for `x0`, found `x`",
            "wiki.csv, line 4: ",
            "00/missing.png: expected a readable file",
            "wiki.csv, line 5: expected a region inside the image of 6x4 (width x height), found columns 6 to 9, rows 0 to 2",
            "wiki.csv, line 6: expected a region inside",
        ] {
            assert!(message.contains(part), "{part}\n{message}");
        }
        let mut faults = Faults::skipped();
        let database = load(&config(folder.path()), &mut faults).unwrap();
        assert_eq!((database.len(), faults.found().len()), (1, 5));
        let cropped = Faces { crops: true, ..config(folder.path()) };
        fs::write(folder.path().join("wiki.csv"), "00/a.png;A;2;0;3;2;1980;2005;1\n00/a.png;A;2;0;3;2;1980;2005;0\n")
            .unwrap();
        let message = load(&cropped, &mut Faults::refused()).unwrap_err().to_string();
        assert!(message.contains("line 2: expected the label `M-25`"), "{message}");
    }
}
