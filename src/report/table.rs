//! Tables: aligned for the terminal, comma-separated for programs.

use anyhow::Result;

/// Lines whose columns are aligned: the first `n_left` to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>], n_left: usize) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; n_columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < n_left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// The rows as comma-separated values, quoted where they must be.
///
/// # Errors
/// Rows of different lengths.
pub fn csv(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_a_comma_is_quoted() {
        let rows = [["a, b", "1"], ["c", "123"]].map(|row| row.map(str::to_string).to_vec());
        assert_eq!(aligned(&rows, 1), "a, b    1\nc     123\n");
        assert_eq!(csv(&rows).unwrap(), b"\"a, b\",1\nc,123\n");
    }
}
