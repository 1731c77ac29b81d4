//! The German Traffic Sign Recognition Benchmark (J. Stallkamp et al., 2012).
//!
//! `Final_Training/Images/<class>/GT-<class>.csv` and the images beside it are learned; `Final_Test/Images` with
//! `GT-final_test.csv`, the table that has the classes, is tested. A table has a head line and lines
//! `Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::database::{Content, ImageFile};
use crate::files::lines;
use crate::folder::formats;
use crate::partition::Rule;
use crate::{Database, Depth, Error, Faults, Shape};

const N_CLASSES: usize = 43;
const COLUMNS: &str = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId";
const TEST_TABLE: &str = "GT-final_test.csv";

/// Reads the tables and the sizes of the images below `folder`; the database is not partitioned yet.
///
/// `validation` is the fraction of the training images set apart; `extracts_rois` cuts each sign out of its image.
///
/// # Errors
///
/// [`Error::Folder`], [`Error::Unreadable`], [`Error::Line`], [`Error::Image`], but for those of stimuli that `faults` leaves out.
pub fn load(folder: &Path, validation: f64, extracts_rois: bool, faults: &mut Faults) -> Result<Database, Error> {
    let training_folder = folder.join("Final_Training/Images");
    let test_folder = folder.join("Final_Test/Images");
    let absent = |folder: &Path, expected: &str| Error::Folder {
        folder: folder.display().to_string(),
        expected: expected.to_owned(),
        found: "none".to_owned(),
        remedy: "unpack the benchmark's archives there, or set `DataPath` to the folder that holds `Final_Training`",
    };
    let mut training = Vec::new();
    let mut classes: Vec<PathBuf> = match fs::read_dir(&training_folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect(),
        Err(_) => return Err(absent(folder, "the folder `Final_Training/Images`")),
    };
    classes.sort();
    for class in &classes {
        let name = class.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let table = class.join(format!("GT-{name}.csv"));
        if !table.is_file() {
            return Err(absent(class, &format!("the table `GT-{name}.csv`")));
        }
        rows(&table, class, &mut training, faults)?;
    }
    if training.is_empty() {
        return Err(absent(&training_folder, "folders of images, such as `00000`"));
    }
    let mut test = Vec::new();
    let mut places =
        [test_folder.join(TEST_TABLE), folder.join("Final_Test").join(TEST_TABLE), folder.join(TEST_TABLE)]
            .into_iter()
            .filter(|table| table.is_file());
    let Some(table) = places.next() else {
        return Err(absent(
            &test_folder,
            &format!("the table `{TEST_TABLE}`, which has the classes of the test images"),
        ));
    };
    rows(&table, &test_folder, &mut test, faults)?;
    faults.end()?;

    let mut images = |rows: Vec<Row>| {
        let formats = formats(rows.iter().map(|row| row.path.as_path()));
        let images = rows.into_iter().zip(formats).map(|(row, format)| row.image(format?, extracts_rois));
        images.filter_map(|image| faults.keep(image)).collect::<Vec<ImageFile>>()
    };
    let (mut files, test) = (images(training), images(test));
    let (n_training, n_test) = (files.len(), test.len());
    files.extend(test);
    faults.end()?;
    let names = (0..N_CLASSES).map(|class| class.to_string()).collect();
    let groups = vec![(n_training, Rule::training(validation)), (n_test, Rule::TEST)];
    Ok(Database::new(names, vec![Content::Files(files)], groups))
}

/// A line of a table.
struct Row {
    table: PathBuf,
    line: usize,
    text: String,
    path: PathBuf,
    /// First column and row, and one past the last.
    roi: [usize; 4],
    label: usize,
}

fn rows(table: &Path, folder: &Path, rows: &mut Vec<Row>, faults: &mut Faults) -> Result<(), Error> {
    for (line, text) in lines(table)? {
        if text.is_empty() || text.starts_with("Filename") {
            continue;
        }
        rows.extend(faults.keep(row(table, folder, line, text)));
    }
    Ok(())
}

fn row(table: &Path, folder: &Path, line: usize, text: String) -> Result<Row, Error> {
    let wrong =
        |expected: String| Error::Line { file: table.display().to_string(), line, expected, found: text.clone() };
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let [file, _, _, x0, y0, x1, y1, class] = fields[..] else { return Err(wrong(COLUMNS.to_owned())) };
    let mut numbers = [0; 5];
    for (number, field) in numbers.iter_mut().zip([x0, y0, x1, y1, class]) {
        *number = field.parse().map_err(|_| wrong(format!("whole numbers in {COLUMNS}")))?;
    }
    let [x0, y0, x1, y1, label] = numbers;
    if label >= N_CLASSES {
        return Err(wrong(format!("a class from 0 to {}", N_CLASSES - 1)));
    }
    let path = folder.join(file);
    Ok(Row { table: table.to_owned(), line, text, path, roi: [x0, y0, x1, y1], label })
}

impl Row {
    fn image(self, (shape, depth): (Shape, Depth), extracts_rois: bool) -> Result<ImageFile, Error> {
        let [x0, y0, x1, y1] = self.roi;
        if extracts_rois && !(x0 < x1 && y0 < y1 && x1 <= shape.width && y1 <= shape.height) {
            return Err(Error::Line {
                file: self.table.display().to_string(),
                line: self.line,
                expected: format!("a region inside the image of {shape}"),
                found: self.text,
            });
        }
        let part = extracts_rois.then_some([x0, y0, x1.wrapping_sub(x0), y1.wrapping_sub(y0)]);
        Ok(ImageFile { part, ..ImageFile::new(self.path, (shape, depth), Some(self.label)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mt19937, Set};

    /// A color image of `width` columns and 4 rows whose red level is the column.
    fn ppm(width: usize) -> Vec<u8> {
        let mut bytes = format!("P6 {width} 4 255\n").into_bytes();
        for at in 0..width * 4 {
            bytes.extend([(at % width) as u8, 0, 9]);
        }
        bytes
    }

    fn signs() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let head = format!("{COLUMNS}\r\n");
        for class in ["00007", "00000"] {
            let path = folder.path().join("Final_Training/Images").join(class);
            fs::create_dir_all(&path).unwrap();
            let number: usize = class.parse().unwrap();
            let mut table = head.clone();
            for image in 0..5 {
                fs::write(path.join(format!("{image}.ppm")), ppm(6 + image)).unwrap();
                table += &format!("{image}.ppm;{};4;1;1;5;3;{number}\r\n", 6 + image);
            }
            fs::write(path.join(format!("GT-{class}.csv")), table).unwrap();
        }
        let test = folder.path().join("Final_Test/Images");
        fs::create_dir_all(&test).unwrap();
        fs::write(test.join("0.ppm"), ppm(8)).unwrap();
        fs::write(folder.path().join(TEST_TABLE), head + "0.ppm;8;4;0;0;8;4;42\n").unwrap();
        folder
    }

    #[test]
    fn signs_are_read_class_by_class_and_cut_out_if_asked_for() {
        let folder = signs();
        let mut database = load(folder.path(), 0.2, false, &mut Faults::refused()).unwrap();
        assert_eq!(database.len(), 11);
        assert_eq!([0, 5, 10].map(|id| database.label(id)), [Some(0), Some(7), Some(42)]);
        assert_eq!(database.shape(4), Shape { channels: 3, height: 4, width: 10 });
        assert!(database.name(5).ends_with("Images/00007/0.ppm"));
        database.partition(true, &mut Mt19937::new(1));
        assert_eq!(Set::ALL.map(|set| database.set(set).len()), [8, 2, 1]);
        let cut = load(folder.path(), 0.2, true, &mut Faults::refused()).unwrap();
        let sign = cut.image(4).unwrap();
        assert_eq!((sign.shape, cut.shape(4)), (Shape { channels: 3, height: 2, width: 4 }, sign.shape));
        assert_eq!(sign.pixels[16..], [1, 2, 3, 4, 1, 2, 3, 4], "red is the last plane");
    }

    #[test]
    fn a_faulty_benchmark_is_refused_with_the_line() {
        let line = |text: &str| {
            let folder = signs();
            fs::write(folder.path().join(TEST_TABLE), format!("{COLUMNS}\n{text}\n")).unwrap();
            load(folder.path(), 0.2, true, &mut Faults::refused()).unwrap_err().to_string()
        };
        for (text, part) in [
            ("0.ppm;8;4;0;0;8;4", "line 2: expected Filename;Width"),
            ("0.ppm;8;4;0;0;8;4;x", "line 2: expected whole numbers"),
            ("0.ppm;8;4;0;0;8;4;43", "line 2: expected a class from 0 to 42"),
            ("0.ppm;8;4;0;0;9;4;1", "line 2: expected a region inside the image of 8x4x3"),
            ("1.ppm;8;4;0;0;8;4;1", "1.ppm: expected a readable file"),
        ] {
            let message = line(text);
            assert!(message.contains(part), "{message}");
        }
        let folder = signs();
        fs::remove_file(folder.path().join(TEST_TABLE)).unwrap();
        assert!(
            load(folder.path(), 0.2, true, &mut Faults::refused())
                .unwrap_err()
                .to_string()
                .contains("the table `GT-final_test.csv`")
        );
        fs::remove_dir_all(folder.path().join("Final_Training")).unwrap();
        assert!(
            load(folder.path(), 0.2, true, &mut Faults::refused())
                .unwrap_err()
                .to_string()
                .contains("`Final_Training/Images`")
        );
    }
}
