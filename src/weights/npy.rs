//! One array of NumPy (`.npy`), 32-bit floats alone.
//!
//! The format (NumPy, `numpy.lib.format`): `\x93NUMPY`, version, length of the header, the header as a Python dictionary
//! with `descr`, `fortran_order` and `shape`, then the values. A crate for it panics where a header's shape overflows, and
//! a header nests as deep as the file likes; the three keys are read here instead.

const MAGIC: &[u8] = b"\x93NUMPY";
/// The values begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// The bytes of an array.
pub fn to_bytes(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    let start = MAGIC.len() + 4;
    // The line feed counts.
    let padding = (start + header.len() + 1).next_multiple_of(ALIGNMENT) - (start + header.len() + 1);
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// An array that was read.
#[derive(Debug, PartialEq)]
pub struct Array {
    /// Its axes.
    pub shape: Vec<usize>,
    /// Its values, the last axis fastest, or why they cannot be used.
    pub values: Result<Vec<f32>, String>,
}

/// Reads an array.
///
/// # Errors
/// It is no array of NumPy.
pub fn read(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = split(bytes).ok_or("expected a NumPy array (`.npy`), found other bytes or half of one")?;
    let wrong = |key: &str| format!("expected a NumPy array with `{key}` in its header, found `{}`", header.trim());
    let shape = value(header, "shape").and_then(sizes).ok_or_else(|| wrong("shape"))?;
    let kind = value(header, "descr").ok_or_else(|| wrong("descr"))?;
    let is_fortran = match value(header, "fortran_order").ok_or_else(|| wrong("fortran_order"))? {
        text if text.starts_with("True") => true,
        text if text.starts_with("False") => false,
        _ => return Err(wrong("fortran_order")),
    };
    let values = values(kind, data, &shape).map(|values| match is_fortran {
        true => last_axis_fastest(&shape, &values),
        false => values,
    });
    Ok(Array { shape, values })
}

/// Header and values.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest))?,
        2 | 3 => rest.split_first_chunk().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest))?,
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What follows a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = header.split_once(&format!("'{key}'"))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn sizes(text: &str) -> Option<Vec<usize>> {
    let (sizes, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.parse().ok()).collect()
}

fn values(kind: &str, data: &[u8], shape: &[usize]) -> Result<Vec<f32>, String> {
    let name = kind.strip_prefix('\'').and_then(|kind| kind.split_once('\'')).map_or("a structure", |(name, _)| name);
    let float = match name {
        "<f4" => f32::from_le_bytes,
        ">f4" => f32::from_be_bytes,
        _ => {
            return Err(format!(
                "expected 32-bit floats (`float32`), found `{name}`; convert with .astype(\"float32\")"
            ));
        }
    };
    let n = shape.iter().try_fold(4_usize, |n, &size| n.checked_mul(size));
    if n != Some(data.len()) {
        let expected = n.map_or("more than memory holds".to_string(), |n| n.to_string());
        return Err(format!("expected {expected} bytes of values, found {}; is the file whole?", data.len()));
    }
    Ok(data.as_chunks().0.iter().map(|&bytes| float(bytes)).collect())
}

/// The values of an array that was stored with its first axis fastest.
fn last_axis_fastest(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, &size| {
            let this = *stride;
            *stride *= size;
            Some(this)
        })
        .collect();
    let place = |mut index: usize| {
        let mut place = 0;
        for (&size, stride) in shape.iter().zip(&strides).rev() {
            place += index % size * stride;
            index /= size;
        }
        place
    };
    (0..values.len()).map(|index| values[place(index)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(header: &str, values: &[f32]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[2, 0], &(header.len() as u32).to_le_bytes(), header.as_bytes()].concat();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    #[test]
    fn an_array_is_read_as_it_was_written() {
        for (shape, values) in
            [(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, -0.5]), (vec![1], vec![7.0]), (vec![], vec![2.0])]
        {
            let bytes = to_bytes(&shape, &values);
            assert_eq!((bytes.len() - 4 * values.len()) % ALIGNMENT, 0);
            assert_eq!(read(&bytes), Ok(Array { shape, values: Ok(values) }));
        }
        assert!(to_bytes(&[1], &[7.0]).windows(6).any(|part| part == b": (1,)"), "a tuple of one has a comma");
    }

    #[test]
    fn a_transposed_array_is_turned() {
        let bytes =
            array("{'shape': (2, 3), 'fortran_order': True, 'descr': '<f4'}\n", &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(read(&bytes), Ok(Array { shape: vec![2, 3], values: Ok(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) }));
    }

    #[test]
    fn a_faulty_array_is_told() {
        #[track_caller]
        fn check(bytes: &[u8], expected: &str) {
            let message = match read(bytes) {
                Ok(array) => array.values.unwrap_err(),
                Err(message) => message,
            };
            assert!(message.contains(expected), "{message}");
        }
        let header =
            |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
        let whole = to_bytes(&[3], &[1.0, 2.0, 3.0]);
        check(&whole[..whole.len() - 1], "expected 12 bytes of values, found 11");
        check(&whole[..40], "half of one");
        check(b"", "half of one");
        check(&array(&header("'<f8'", "(1,)"), &[0.0, 0.0]), "found `<f8`");
        check(&array(&header("[('a', '<f4')]", "(1,)"), &[0.0]), "found `a structure`");
        check(&array(&header("'<f4'", "(4611686018427387904, 4)"), &[]), "more than memory holds");
        check(&array(&header("'<f4'", "(-1,)"), &[]), "`shape`");
        check(&array("{'descr': '<f4', 'shape': (1,)}", &[0.0]), "`fortran_order`");
    }
}
