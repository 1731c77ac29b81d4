//! `femtospike stats`.

use std::fs;
use std::path::Path;

use anyhow::Result;
use formal::config::{Activation, Operator, Pooling};
use serde::Deserialize;
use sim::SimTime;
use stats::Costs;
use stats::operations::Layer;

use super::{FloatArg, StatsArgs, spiking};
use crate::failure::wrong_input;
use crate::model::{CellDescription, Width};
use crate::report::document;
use crate::report::figures::{FOLDER, Report};
use crate::report::network::sizes;
use crate::report::progress::result;
use crate::run::spiking_test::figures::run as count;
use crate::session::Session;

pub fn run(args: &StatsArgs) -> Result<()> {
    let costs = args.costs.as_deref().map(read_costs).transpose()?;
    let session = spiking::open(&args.model, &args.options)?;
    let spiking::Ready { session, ids, formal, prepared, weights_sha256 } = spiking::ready(session)?;
    let figures = match args.options.float {
        FloatArg::F32 => count::<f32>(&session, &prepared, &ids)?,
        FloatArg::F64 => count::<f64>(&session, &prepared, &ids)?,
    };
    let report = Report::new(&session, &figures, &formal, layers(&session), costs, weights_sha256, end(&session));
    report.write(&session)?;
    result(&format!("\n{}", report.text()));
    let folder = session.output.root();
    result(&format!("\nwritten to {}: stats.json, {FOLDER}/", folder.display()));
    document::give(&report.json(&session))
}

/// When a stimulus ends that is not decided.
fn end(session: &Session) -> SimTime {
    SimTime(session.options.present_time.0)
}

/// What the operations of each cell follow from.
fn layers(session: &Session) -> Vec<Layer> {
    session.description.cells.iter().map(|cell| layer(cell, session.description.width)).collect()
}

fn layer(cell: &CellDescription, width: Width) -> Layer {
    let sizes = sizes(cell);
    let (biases, takes_maximum) = match &cell.operator {
        Operator::Conv(conv) => (if conv.no_bias { 0 } else { conv.n_outputs as u64 }, false),
        Operator::Fc(fc) => (if fc.no_bias { 0 } else { fc.n_outputs as u64 }, false),
        Operator::Pool(pool) => (0, pool.pooling == Pooling::Max),
        _ => (0, false),
    };
    let is_pool = matches!(cell.operator, Operator::Pool(_));
    let neuron = &cell.spiking.neuron;
    let positions = cell.output_shape.n_elements() as u64 / cell.output_shape.channels.max(1) as u64;
    Layer {
        virtual_synapses: sizes.virtual_synapses - biases,
        biases: biases * positions,
        pool_connections: if is_pool { sizes.connections } else { 0 },
        nodes: sizes.nodes,
        rectifies: matches!(cell.activation.value, Activation::Rectifier { .. }),
        takes_maximum,
        is_bipolar: neuron.bipolar_threshold,
        leaks: neuron.membrane_time_constant.0 > 0,
        is_refractory: neuron.refractory_period.0 > 0,
        float_bytes: if width == Width::Single { 4 } else { 8 },
    }
}

/// A table of costs.
///
/// # Errors
/// The file cannot be read, or is no such table.
fn read_costs(path: &Path) -> Result<Costs> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        name: String,
        source: String,
        multiplication_pj: f64,
        accumulation_pj: f64,
        comparison_pj: f64,
        byte_pj: f64,
    }
    let wrong = |found: String| {
        wrong_input(format!(
            "--costs: expected a JSON file such as docs/costs/horowitz-2014-45nm.json, with `name`, `source`, \
             `multiplication_pj`, `accumulation_pj`, `comparison_pj` and `byte_pj`, found `{}`: {found}",
            path.display()
        ))
    };
    let text = fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let table: Table = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let costs = [table.multiplication_pj, table.accumulation_pj, table.comparison_pj, table.byte_pj];
    if let Some(cost) = costs.iter().find(|cost| **cost < 0.0) {
        return Err(wrong(format!("a cost of {cost} pJ, below 0")));
    }
    if table.name.trim().is_empty() || table.source.trim().is_empty() {
        return Err(wrong("an empty `name` or `source`; say whose numbers they are".to_string()));
    }
    let Table { name, source, multiplication_pj, accumulation_pj, comparison_pj, byte_pj } = table;
    Ok(Costs { name, source, multiplication_pj, accumulation_pj, comparison_pj, byte_pj })
}
