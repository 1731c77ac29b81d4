//! Images with an XML file each that tells the boxes in it, as Pascal VOC has them (M. Everingham et al., 2010) and most
//! programs for drawing boxes write them.

use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node, ParsingOptions};

use crate::database::{Annotation, Content, ImageFile};
use crate::files::{lines, read};
use crate::folder::formats;
use crate::names::Names;
use crate::partition::Rule;
use crate::roi::{Outline, Roi};
use crate::{Database, Depth, Error, Faults, Shape, image};

/// What to read, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Boxes {
    /// The folder of the data set: `Annotations` and `JPEGImages` in it, or all files in one.
    pub path: PathBuf,
    /// Folder of the XML files; `None` is `Annotations` where there is one, else the folder itself.
    pub annotations: Option<PathBuf>,
    /// Takes the boxes that are marked as difficult.
    pub takes_difficult: bool,
    /// Label of pixels outside the boxes, the first of all labels.
    pub default_label: Option<String>,
    /// How the images are divided.
    pub sets: Sets,
}

/// How the images are divided.
#[derive(Clone, Debug, PartialEq)]
pub enum Sets {
    /// All of them by one rule.
    Drawn(Rule),
    /// Those that `train.txt`, `val.txt` and `test.txt` of `ImageSets/Main` name, each for its set.
    Listed,
}

const REMEDY: &str = "correct the file, or leave it out";

/// Reads the XML files and the sizes of the images; the database is not partitioned yet. Labels are numbered in the order in
/// which they are met, the files in that of their names.
///
/// # Errors
///
/// [`Error::Folder`] where there are no such files; [`Error::Record`], [`Error::Named`] with file and line for what is wrong in
/// them, unless `faults` leaves it out.
pub fn load(config: &Boxes, faults: &mut Faults) -> Result<Database, Error> {
    let of_set = config.path.join("Annotations");
    let annotations = match &config.annotations {
        Some(path) => path.clone(),
        None if of_set.is_dir() => of_set,
        None => config.path.clone(),
    };
    let images = config.path.join("JPEGImages");
    let images = if images.is_dir() { images } else { annotations.clone() };
    let groups = match &config.sets {
        Sets::Drawn(rule) => vec![(all(&annotations)?, rule.clone())],
        Sets::Listed => listed(&config.path.join("ImageSets/Main"), &annotations, faults)?,
    };
    let mut names = Names::default();
    if let Some(name) = &config.default_label {
        names.number(name);
    }
    let (mut files, mut sizes) = (Vec::new(), Vec::new());
    for (documents, rule) in groups {
        let read: Vec<Picture> =
            documents.iter().filter_map(|path| faults.keep(Picture::read(path, &images))).collect();
        let before = files.len();
        for (picture, format) in read.iter().zip(formats(read.iter().map(|picture| picture.path.as_path()))) {
            let named = |fault| Error::Named { place: picture.place.clone(), fault: Box::new(fault) };
            let file =
                format.map_err(named).and_then(|format| picture.image(format, config.takes_difficult, &mut names));
            files.extend(faults.keep(file));
        }
        sizes.push((files.len() - before, rule));
    }
    faults.end()?;
    Ok(Database::new(names.into_names(), vec![Content::Files(files)], sizes))
}

fn absent(folder: &Path, expected: &str) -> Error {
    Error::Folder {
        folder: folder.display().to_string(),
        expected: expected.to_owned(),
        found: "none".to_owned(),
        remedy: "set `DataPath` to the folder of `Annotations` and `JPEGImages`, or `LabelPath` to that of the XML files",
    }
}

/// The XML files of a folder, by name.
fn all(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Unreadable { file: folder.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml")) {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() { Err(absent(folder, "XML files (.xml)")) } else { Ok(paths) }
}

/// The XML files that the lists name, and where they go.
fn listed(folder: &Path, annotations: &Path, faults: &mut Faults) -> Result<Vec<(Vec<PathBuf>, Rule)>, Error> {
    let mut groups = Vec::new();
    for (list, learn, validation) in [("train.txt", 1.0, 0.0), ("val.txt", 0.0, 1.0), ("test.txt", 0.0, 0.0)] {
        let path = folder.join(list);
        if !path.is_file() {
            continue;
        }
        let mut documents = Vec::new();
        for (line, text) in lines(&path)? {
            let Some(name) = text.split_whitespace().next() else { continue };
            let document = annotations.join(format!("{name}.xml"));
            if document.is_file() {
                documents.push(document);
            } else {
                faults.add(Error::Record {
                    place: format!("{}, line {line}", path.display()),
                    expected: format!("the name of an XML file of `{}`", annotations.display()),
                    found: format!("`{name}`"),
                    remedy: REMEDY,
                });
            }
        }
        groups.push((documents, Rule::Fractions { learn, validation, test: Some(1.0 - learn - validation) }));
    }
    if groups.is_empty() { Err(absent(folder, "`train.txt`, `val.txt` or `test.txt`")) } else { Ok(groups) }
}

/// What an XML file says.
struct Picture {
    /// The file, and the line that names the image.
    place: String,
    path: PathBuf,
    /// Columns and rows, where they are told.
    size: Option<[usize; 2]>,
    objects: Vec<Object>,
}

struct Object {
    place: String,
    name: String,
    is_difficult: bool,
    outline: Outline,
}

impl Picture {
    fn read(path: &Path, images: &Path) -> Result<Self, Error> {
        let file = read(path)?;
        let fault = |line: u32, expected: &str, found: String| Error::Record {
            place: format!("{}, line {line}", file.name),
            expected: expected.to_owned(),
            found,
            remedy: REMEDY,
        };
        let text = String::from_utf8_lossy(&file.bytes);
        let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&text, options)
            .map_err(|error| fault(error.pos().row, "XML", error.to_string()))?;
        let line = |node: Node| document.text_pos_at(node.range().start).row;
        let root = document.root_element();
        let named = child(root, "filename");
        let stated = named.and_then(|node| node.text()).map(str::trim).filter(|name| !name.is_empty());
        let beside = || {
            let stem = path.file_stem()?;
            let known = image::EXTENSIONS.iter().map(|extension| images.join(stem).with_added_extension(extension));
            known.into_iter().find(|path| path.is_file())
        };
        // The name alone: programs write where the image was when it was marked.
        let stated = stated.map(|name| images.join(name.rsplit(['/', '\\']).next().unwrap_or(name)));
        let image = match stated {
            Some(stated) if stated.is_file() => stated,
            stated => beside()
                .or(stated)
                .ok_or_else(|| fault(line(root), "a `filename`, or an image of the same name", "neither".to_owned()))?,
        };
        let number = |node: Node, name: &str| -> Result<f64, Error> {
            let at = child(node, name);
            let text = at.and_then(|at| at.text()).map_or("", str::trim);
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| fault(line(at.unwrap_or(node)), &format!("a number in `{name}`"), format!("`{text}`")))
        };
        let size = match child(root, "size") {
            Some(node) => Some([number(node, "width")? as usize, number(node, "height")? as usize]),
            None => None,
        };
        let mut objects = Vec::new();
        for node in root.children().filter(|node| node.has_tag_name("object")) {
            let name = child(node, "name").and_then(|name| name.text()).map_or("", str::trim);
            if name.is_empty() {
                return Err(fault(line(node), "a `name` in `object`", "none".to_owned()));
            }
            let outline = match (child(node, "polygon"), child(node, "bndbox")) {
                (Some(polygon), _) => {
                    let n = (1..).take_while(|n| child(polygon, &format!("x{n}")).is_some()).count();
                    if n < 3 {
                        return Err(fault(line(polygon), "three corners or more in `polygon`", n.to_string()));
                    }
                    let corner =
                        |n: usize| Ok([at(number(polygon, &format!("x{n}"))?), at(number(polygon, &format!("y{n}"))?)]);
                    Outline::Polygon((1..=n).map(corner).collect::<Result<_, Error>>()?)
                }
                // The first pixel is 1 and the last one inside.
                (None, Some(node)) => Outline::Rectangle {
                    x0: at(number(node, "xmin")?),
                    y0: at(number(node, "ymin")?),
                    x1: at(number(node, "xmax")?).saturating_add(1),
                    y1: at(number(node, "ymax")?).saturating_add(1),
                },
                (None, None) => return Err(fault(line(node), "a `bndbox` in `object`", "none".to_owned())),
            };
            objects.push(Object {
                place: format!("{}, line {}", file.name, line(node)),
                name: name.to_owned(),
                is_difficult: child(node, "difficult")
                    .and_then(|node| node.text())
                    .is_some_and(|text| text.trim() == "1"),
                outline,
            });
        }
        let place = format!("{}, line {}", file.name, line(named.unwrap_or(root)));
        Ok(Self { place, path: image, size, objects })
    }

    fn image(
        &self,
        (shape, depth): (Shape, Depth),
        takes_difficult: bool,
        names: &mut Names,
    ) -> Result<ImageFile, Error> {
        if let Some([width, height]) = self.size
            && (width, height) != (shape.width, shape.height)
            && (width, height) != (0, 0)
        {
            return Err(Error::Record {
                place: self.place.clone(),
                expected: format!(
                    "the size of {}, {}x{} (width x height)",
                    self.path.display(),
                    shape.width,
                    shape.height
                ),
                found: format!("{width}x{height}"),
                remedy: "take boxes of this image, not of a larger or smaller one",
            });
        }
        let mut rois = Vec::new();
        for object in self.objects.iter().filter(|object| takes_difficult || !object.is_difficult) {
            object.outline.check(&object.place, shape)?;
            rois.push(Roi { label: names.number(&object.name), outline: object.outline.clone() });
        }
        let annotation = Some(Box::new(Annotation { rois, mask: None }));
        Ok(ImageFile { annotation, ..ImageFile::new(self.path.clone(), (shape, depth), None) })
    }
}

/// The pixel from 0 of one from 1.
fn at(number: f64) -> i32 {
    (number.round() as i32).saturating_sub(1)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mt19937, Set};

    const HEAD: &str = "<annotation>\n <folder>VOC</folder>\n <filename>a.pgm</filename>\n";

    fn object(name: &str, corners: [i32; 4], more: &str) -> String {
        let [xmin, ymin, xmax, ymax] = corners;
        format!(
            " <object><name>{name}</name>{more}<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax>\
             <ymax>{ymax}</ymax></bndbox></object>\n"
        )
    }

    /// Images `a` to `c` of 6 columns and 4 rows and what is told of them.
    fn data(a: &str, b: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["JPEGImages", "Annotations", "ImageSets/Main"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["a", "b", "c"] {
            let bytes = [b"P5 6 4 255\n", &[0; 24][..]].concat();
            fs::write(folder.path().join(format!("JPEGImages/{name}.pgm")), bytes).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("Annotations/a.xml", a);
        write("Annotations/b.xml", b);
        write("Annotations/c.xml", "<annotation/>");
        write("ImageSets/Main/train.txt", "b\nc  1\n");
        write("ImageSets/Main/test.txt", "a\n");
        folder
    }

    fn config(folder: &Path) -> Boxes {
        Boxes {
            path: folder.to_owned(),
            annotations: None,
            takes_difficult: true,
            default_label: None,
            sets: Sets::Drawn(Rule::Fractions { learn: 1.0, validation: 0.0, test: None }),
        }
    }

    fn regions(database: &Database, id: usize) -> Vec<(&str, [i32; 4])> {
        let rois = database.rois(id).iter();
        rois.map(|roi| (database.label_names()[roi.label].as_str(), roi.outline.bounds())).collect()
    }

    #[test]
    fn boxes_count_from_1_with_the_last_pixel_inside_and_polygons_are_read_too() {
        let size = "<size><width>6</width><height>4</height><depth>1</depth></size>";
        let a = format!(
            "{HEAD}{size}{}{}</annotation>",
            object("dog", [1, 1, 2, 4], ""),
            object("cat", [6, 2, 6, 9], "<difficult>1</difficult>")
        );
        let polygon = "<annotation><object><name>dog</name><polygon><x1>1</x1><y1>1</y1><x2>4</x2><y2>1</y2><x3>1</x3><y3>3</y3>\
                       </polygon></object></annotation>";
        let folder = data(&a, polygon);
        let database = load(&config(folder.path()), &mut Faults::refused()).unwrap();
        assert_eq!(database.label_names(), ["dog", "cat"]);
        assert_eq!(regions(&database, 0), [("dog", [0, 0, 2, 4]), ("cat", [5, 1, 6, 9])]);
        assert_eq!(regions(&database, 1), [("dog", [0, 0, 4, 3])]);
        assert_eq!((regions(&database, 2), database.label(2)), (vec![], None));
        let without = Boxes { takes_difficult: false, default_label: Some("ground".into()), ..config(folder.path()) };
        let database = load(&without, &mut Faults::refused()).unwrap();
        assert_eq!(
            (database.label_names(), regions(&database, 0).len()),
            (&["ground".to_owned(), "dog".into()][..], 1)
        );
    }

    #[test]
    fn lists_may_say_which_image_is_of_which_set() {
        let folder = data("<annotation/>", "<annotation/>");
        let mut database =
            load(&Boxes { sets: Sets::Listed, ..config(folder.path()) }, &mut Faults::refused()).unwrap();
        database.partition(false, &mut Mt19937::new(1));
        let stems =
            |set| database.set(set).iter().map(|&id| database.name(id)).map(|name| name[name.len() - 5..].to_owned());
        assert_eq!(Set::ALL.map(|set| stems(set).collect::<Vec<_>>()), [vec!["b.pgm", "c.pgm"], vec![], vec!["a.pgm"]]);
    }

    #[test]
    fn faults_are_told_with_file_and_line_or_left_out() {
        let good = "<annotation/>";
        for (a, part) in [
            ("<annotation>\n<object>\n".to_owned(), "a.xml, line "),
            (format!("{HEAD}<object/>\n</annotation>"), "a.xml, line 4: expected a `name` in `object`, found none"),
            (
                format!("{HEAD}\n<object><name>x</name></object></annotation>"),
                "line 5: expected a `bndbox` in `object`",
            ),
            (
                format!("{HEAD}{}</annotation>", object("x", [1, 1, 2, 2], "").replace("<xmin>1", "<xmin>one")),
                "line 4: expected a number in `xmin`, found `one`",
            ),
            (
                format!("{HEAD}{}</annotation>", object("x", [7, 1, 8, 2], "")),
                "line 4: expected a region inside the image of 6x4 (width x height), found columns 6 to 8, rows 0 to 2",
            ),
            (format!("{HEAD}{}</annotation>", object("x", [3, 1, 2, 2], "")), "found columns 2 to 2"),
            (
                format!("{HEAD}<size><width>12</width><height>8</height></size></annotation>"),
                "line 3: expected the size of",
            ),
            ("<annotation>\n<filename>z.jpg</filename></annotation>".to_owned(), ""),
        ] {
            let folder = data(&a, good);
            let read = load(&config(folder.path()), &mut Faults::refused());
            if part.is_empty() {
                assert!(read.unwrap().name(0).ends_with("a.pgm"), "of the same name");
                continue;
            }
            let message = read.unwrap_err().to_string();
            assert!(message.contains(part), "{part}\n{message}");
            let mut faults = Faults::skipped();
            assert_eq!(load(&config(folder.path()), &mut faults).unwrap().len(), 2);
            assert_eq!(faults.found().len(), 1);
        }
        let folder = data(good, good);
        fs::remove_file(folder.path().join("JPEGImages/b.pgm")).unwrap();
        fs::write(folder.path().join("Annotations/b.xml"), "<annotation>\n<filename>b.pgm</filename></annotation>")
            .unwrap();
        let message = load(&config(folder.path()), &mut Faults::refused()).unwrap_err().to_string();
        assert!(
            message.contains("b.xml, line 2: ") && message.contains("b.pgm: expected a readable file"),
            "{message}"
        );
        fs::write(folder.path().join("ImageSets/Main/val.txt"), "c\nnone\n").unwrap();
        let listed = Boxes { sets: Sets::Listed, ..config(folder.path()) };
        let message = load(&listed, &mut Faults::refused()).unwrap_err().to_string();
        assert!(message.contains("val.txt, line 2: expected the name of an XML file"), "{message}");
        let empty = tempfile::tempdir().unwrap();
        let message = load(&config(empty.path()), &mut Faults::refused()).unwrap_err().to_string();
        assert!(message.contains("expected XML files"), "{message}");
    }
}
