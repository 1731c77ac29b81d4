//! Which input channels an output is connected to: groups, a literal matrix or a repeated pattern.

use super::ini::shown;
use super::reader::{Accepted, Bag, Reader};
use super::registry::Scope;

/// Connections are not enumerated beyond this many pairs.
const MOST_PAIRS: usize = 1 << 24;

/// One input of a layer: the names that mean it and its channels.
pub(crate) struct Parent {
    pub names: Vec<String>,
    pub n_channels: usize,
}

/// A block of `size_x` outputs by `size_y` channels, repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub size: (usize, usize),
    pub stride: (usize, usize),
    pub offset: (usize, usize),
    /// 0: as many as the greater of outputs and channels.
    pub n_iterations: usize,
}

/// A matrix of pairs under construction, `[n_outputs][n_channels]` over all parents.
struct Matrix {
    pairs: Vec<bool>,
    n_outputs: usize,
    n_channels: usize,
}

/// The channels of one parent in it.
#[derive(Clone, Copy)]
struct Columns {
    first: usize,
    n: usize,
}

impl Matrix {
    fn connect(&mut self, output: usize, channel: usize) {
        self.pairs[output * self.n_channels + channel] = true;
    }

    fn connect_all(&mut self, columns: Columns) {
        for output in 0..self.n_outputs {
            for channel in 0..columns.n {
                self.connect(output, columns.first + channel);
            }
        }
    }

    fn connect_pattern(&mut self, columns: Columns, pattern: Pattern) {
        let (n_x, n_y) = (self.n_outputs, columns.n);
        if pattern.size.0 == 0 || pattern.size.1 == 0 {
            return self.connect_all(columns);
        }
        let wanted = if pattern.n_iterations == 0 { n_x.max(n_y) } else { pattern.n_iterations };
        // The positions repeat after n_x * n_y iterations at the latest.
        for iteration in 0..wanted.min(n_x * n_y) {
            let x = (pattern.offset.0 % n_x + iteration % n_x * (pattern.stride.0 % n_x)) % n_x;
            let y = (pattern.offset.1 % n_y + iteration % n_y * (pattern.stride.1 % n_y)) % n_y;
            for in_y in 0..pattern.size.1.min(n_y) {
                for in_x in 0..pattern.size.0.min(n_x) {
                    self.connect((x + in_x) % n_x, columns.first + (y + in_y) % n_y);
                }
            }
        }
    }

    fn connect_groups(&mut self, columns: Columns, n_groups: usize) {
        let mut output = 0;
        for group in 0..n_groups {
            let n_outputs = (self.n_outputs - output) / (n_groups - group);
            let n_channels = columns.n / n_groups;
            for output in output..output + n_outputs {
                for channel in group * n_channels..(group + 1) * n_channels {
                    self.connect(output, columns.first + channel);
                }
            }
            output += n_outputs;
        }
    }
}

/// The mapping keys that a layer with these parents may have.
///
/// Reports matrices and patterns for layers that are no input.
pub(crate) fn accepted<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, parents: &[Vec<String>]) -> Accepted {
    let mut accepted = vec![("Mapping.".to_owned(), Scope::Mapping)];
    let mut accept = |name: &str| {
        accepted.push((format!("Mapping({name})"), Scope::MappingMatrix));
        accepted.push((format!("Mapping({name})."), Scope::Mapping));
    };
    parents.iter().flatten().for_each(|name| accept(name));
    for (key, property) in bag.entries() {
        let Some((name, _)) = key.strip_prefix("Mapping(").and_then(|rest| rest.split_once(')')) else { continue };
        if !parents.iter().flatten().any(|parent| parent == name) {
            let inputs: Vec<String> =
                parents.iter().filter_map(|names| Some(format!("`{}`", names.first()?))).collect();
            reader
                .fault(property, format!("`{name}` is no input of this layer; its inputs are: {}", inputs.join(", ")));
            accept(name);
        }
    }
    accepted
}

/// The connected (output, channel) pairs, `[n_outputs][n_channels]`; `None` connects all, also after a fault.
pub(crate) fn read<'a>(
    reader: &mut Reader<'a>,
    bag: &Bag<'a>,
    parents: &[Parent],
    n_outputs: usize,
) -> Option<Vec<bool>> {
    if !bag.names().any(|name| name.starts_with("Mapping")) {
        return None;
    }
    let n_channels = parents.iter().map(|parent| parent.n_channels).sum::<usize>();
    if n_outputs.checked_mul(n_channels).is_none_or(|pairs| pairs == 0 || pairs > MOST_PAIRS) {
        let message = format!("a mapping of {n_channels} channels to {n_outputs} outputs is too large");
        reader.section_fault(bag.section, "Mapping", message);
        return None;
    }
    let mut matrix = Matrix { pairs: vec![false; n_outputs * n_channels], n_outputs, n_channels };
    let mut first = 0;
    for parent in parents {
        let columns = Columns { first, n: parent.n_channels };
        connect(reader, bag, parent, columns, &mut matrix);
        first += parent.n_channels;
    }
    let outputs = matrix.pairs.chunks(n_channels).enumerate();
    let lonely: Vec<String> =
        outputs.filter(|(_, row)| !row.contains(&true)).map(|(output, _)| output.to_string()).collect();
    if !lonely.is_empty() {
        let message = format!("outputs connected to nothing: {}", shown(&lonely.join(", ")));
        reader.section_warning(bag.section, "Mapping", message);
    }
    matrix.pairs.contains(&false).then_some(matrix.pairs)
}

fn connect<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, parent: &Parent, columns: Columns, matrix: &mut Matrix) {
    let own: Vec<String> = parent.names.iter().map(|name| format!("Mapping({name})")).collect();
    let prefix_of = |key: &str| {
        let mut prefixes = own.iter().map(|own| format!("{own}.")).chain(["Mapping.".to_owned()]);
        prefixes.find(|prefix| bag.has(&format!("{prefix}{key}")))
    };

    let groups: Option<usize> =
        prefix_of("NbGroups").and_then(|p| reader.read_optional(bag, &p, Scope::Mapping, "NbGroups"));
    let per_group: Option<usize> =
        prefix_of("ChannelsPerGroup").and_then(|p| reader.read_optional(bag, &p, Scope::Mapping, "ChannelsPerGroup"));
    if let (Some(_), Some(prefix)) = (groups, prefix_of("ChannelsPerGroup").filter(|_| per_group.is_some())) {
        reader.fault_at(bag, &format!("{prefix}ChannelsPerGroup"), "excludes `NbGroups`; write one of them");
        return matrix.connect_all(columns);
    }
    for (key, n_channels) in [("NbGroups", groups), ("ChannelsPerGroup", per_group)] {
        let (Some(prefix), Some(number)) = (prefix_of(key), n_channels) else { continue };
        if !columns.n.is_multiple_of(number) {
            let name = reader.name_of(bag.section);
            let message = format!("expected a divisor of the {} input channels of `{name}`, found {number}", columns.n);
            reader.fault_at(bag, &format!("{prefix}{key}"), message);
            return matrix.connect_all(columns);
        }
        return matrix.connect_groups(columns, if key == "NbGroups" { number } else { columns.n / number });
    }

    if let Some(name) = own.iter().find(|name| bag.has(name)) {
        let Some(items) = reader.read_optional::<Vec<bool>>(bag, name, Scope::MappingMatrix, "") else {
            return matrix.connect_all(columns);
        };
        if items.len() != columns.n * matrix.n_outputs {
            let message = format!(
                "expected {} items ({} input channels x {} outputs of `{}`), found {}",
                columns.n * matrix.n_outputs,
                columns.n,
                matrix.n_outputs,
                reader.name_of(bag.section),
                items.len()
            );
            reader.fault_at(bag, name, message);
            return matrix.connect_all(columns);
        }
        for (at, _) in items.iter().enumerate().filter(|(_, connected)| **connected) {
            matrix.connect(at % matrix.n_outputs, columns.first + at / matrix.n_outputs);
        }
        return;
    }

    let mut written = false;
    let mut number = |reader: &mut Reader<'a>, key: &str| {
        let prefix = prefix_of(key);
        written |= prefix.is_some();
        reader.read::<usize>(bag, prefix.as_deref().unwrap_or("Mapping."), Scope::Mapping, key)
    };
    let mut pair = |reader: &mut Reader<'a>, key: &str| {
        let (x, y) = (format!("{key}X"), format!("{key}Y"));
        match prefix_of(key) {
            None => (number(reader, &x), number(reader, &y)),
            Some(prefix) => {
                if prefix_of(&x).is_some() || prefix_of(&y).is_some() {
                    reader.fault_at(
                        bag,
                        &format!("{prefix}{key}"),
                        format!("excludes `{x}` and `{y}`; write one or the other"),
                    );
                }
                // No default stands in for the short form: it is there.
                let both = number(reader, key);
                (both, both)
            }
        }
    };
    let size = pair(reader, "Size");
    let stride = pair(reader, "Stride");
    let offset = pair(reader, "Offset");
    let n_iterations = number(reader, "NbIterations");
    if written {
        matrix.connect_pattern(columns, Pattern { size, stride, offset, n_iterations });
    } else {
        matrix.connect_all(columns);
    }
}
