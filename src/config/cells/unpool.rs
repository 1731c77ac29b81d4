//! `Type=Unpool`: back through a max pooling.

use formal::config::{Activation, Operator, PoolConfig, Pooling, Size, UnpoolConfig};
use stimuli::Shape;

use super::{CellReader, SizeKeys};
use crate::config::registry::Scope;
use crate::model::Located;

const WINDOW: SizeKeys = SizeKeys::new("PoolDims", "PoolSize", "PoolWidth", "PoolHeight");
const STRIDE: SizeKeys = SizeKeys::new("StrideDims", "Stride", "StrideX", "StrideY");
const PADDING: SizeKeys = SizeKeys::new("PaddingDims", "Padding", "PaddingX", "PaddingY");

impl CellReader<'_, '_> {
    pub(super) fn unpool(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.push((String::new(), Scope::Unpool));
        let name: String = self.reader.read(&self.bag, "", Scope::Unpool, "ArgMax");
        self.reader.read_optional::<String>(&self.bag, "", Scope::Unpool, "Pooling");
        let earlier = self.earlier;
        let named = earlier.iter().position(|cell| cell.name == name);
        let found = named.and_then(|index| match &earlier[index].operator {
            Operator::Pool(pool @ PoolConfig { pooling: Pooling::Max, .. }) => Some((index, &earlier[index], pool)),
            _ => None,
        });
        let written: Vec<(SizeKeys, Option<Size>)> = [(WINDOW, 1), (STRIDE, 1), (PADDING, 0)]
            .into_iter()
            .map(|(keys, least)| {
                let is_written = keys.all().iter().any(|key| self.bag.has(key));
                (keys, is_written.then(|| self.size(Scope::Unpool, keys, least)))
            })
            .collect();
        let n_outputs: Option<usize> = self.reader.read_optional(&self.bag, "", Scope::Cell, "NbOutputs");
        let connects = self.bag.names().any(|name| name.starts_with("Mapping"));
        let mapping = self.mapping(n_outputs.unwrap_or(1));
        let activation = self.activation(Activation::Linear);
        let Some((arg_max, cell, pool)) = found else {
            if !name.is_empty() {
                let message = format!("expected a Pool with Pooling=Max that stands before this layer, found `{name}`");
                self.reader.fault_at(&self.bag, "ArgMax", message);
            }
            return (Operator::Unpool(UnpoolConfig { arg_max: 0 }), None, activation);
        };
        for ((keys, written), of_pool) in written.into_iter().zip([pool.window, pool.stride, pool.padding]) {
            if let Some(written) = written.filter(|&written| written != of_pool) {
                let key = keys.all().into_iter().find(|key| self.bag.has(key)).unwrap_or(keys.width);
                let message = format!(
                    "expected {}x{} as in `{name}`, found {}x{}; it may be left out",
                    of_pool.width, of_pool.height, written.width, written.height
                );
                self.reader.fault_at(&self.bag, key, message);
            }
        }
        let (input, output) = (self.input_shape, cell.input_shape);
        if let Some(n) = n_outputs.filter(|&n| n != output.channels) {
            let message = format!("expected {}, the input channels of `{name}`, found {n}", output.channels);
            self.reader.fault_at(&self.bag, "NbOutputs", message);
        } else if let Some(input) = input.filter(|&input| input != cell.output_shape) {
            let message = format!("expected the size of the outputs of `{name}`, {}, found {input}", cell.output_shape);
            self.reader.fault_at(&self.bag, "Input", message);
        } else if connects && n_outputs.is_some() && input.is_some() {
            let (rows, columns) = (output.channels, cell.output_shape.channels);
            let is = |mapping: &Option<Vec<bool>>, at: usize| mapping.as_ref().is_none_or(|pairs| pairs[at]);
            let pairs = || (0..rows).flat_map(|o| (0..columns).map(move |c| (o, c)));
            if pairs().any(|(o, c)| is(&mapping, o * columns + c) != is(&pool.mapping, c * rows + o)) {
                let message = format!("expected the connections of `{name}`, turned round; they may be left out");
                self.reader.section_fault(self.section, "Mapping", message);
            }
        }
        (Operator::Unpool(UnpoolConfig { arg_max }), Some(output), activation)
    }
}
