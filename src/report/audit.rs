//! An audit as a table with its verdict, and as JSON.

use serde::Serialize;
use stats::Agreement;

use super::number::{grouped, significant};
use crate::run::audit::{Audit, Finding, Layer, Reason};

const HEAD: [&str; 11] =
    ["layer", "r", "scale", "own r", "own scale", "spikes", "saturated", "silenced", "dead", "drifted", "accuracy"];
const LEGEND: &str = "\
r, scale   spikes against the activations of the frame network: correlation, and by how much the scale is off
own        the same against what the layer's definition makes of its own input spikes: what the layer itself adds
spikes     mean of a unit that is active in a stimulus
saturated  spiking neurons that hold spikes at the end which they never got to fire
silenced   units that are active as frames and never spike; dead: units that do neither
drifted    pooled counts that are not the maximum or mean of the counts in their window
accuracy   of a network that spikes up to this layer and computes frames after it";

/// The table, what its columns are, and the verdict.
pub fn text(audit: &Audit) -> String {
    let mut rows: Vec<Vec<String>> = vec![HEAD.map(str::to_string).to_vec()];
    rows.extend(audit.layers.iter().map(|layer| row(audit, layer)));
    let widths: Vec<usize> =
        (0..HEAD.len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    let percent = |recognized: u64| format!("{:.2} %", 100.0 * stats::spikes::per(recognized, audit.answers));
    format!(
        "[Audit] {} stimuli, {} spikes at full scale; recognized as frames {}, as spikes {}\n{}\n\n{}\n\n{}",
        grouped(audit.stimuli),
        significant(audit.full_scale, 4),
        percent(audit.formal_recognized),
        percent(audit.spiking_recognized()),
        lines.collect::<Vec<_>>().join("\n"),
        LEGEND.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"),
        verdict(&audit.findings)
    )
}

fn row(audit: &Audit, layer: &Layer) -> Vec<String> {
    let or_none = |value: Option<f64>, text: fn(f64) -> String| value.map_or("-".to_string(), text);
    let r = |value: f64| format!("{value:.4}");
    let scale = |slope: f64| format!("{:+.1} %", 100.0 * (slope - 1.0));
    let share = |part: u64, whole: u64| format!("{:.2} %", 100.0 * stats::spikes::per(part, whole));
    let (agreement, own) = (&layer.agreement, &layer.local);
    let has_unit = |slope: Option<f64>| slope.filter(|_| layer.unit.is_some());
    vec![
        layer.name.clone(),
        or_none(agreement.correlation(), r),
        or_none(has_unit(agreement.slope()), scale),
        or_none(own.correlation(), r),
        or_none(has_unit(own.slope()), scale),
        significant(agreement.mean_counted(), 3),
        share(layer.saturated, layer.spiking()),
        share(layer.activity.silenced(), layer.activity.units()),
        share(layer.activity.dead(), layer.activity.units()),
        layer.drifted.map_or("-".to_string(), |drifted| share(drifted, own.pairs + own.silent)),
        share(layer.recognized, audit.answers),
    ]
}

/// The first layer that breaks, why, and what helps; the others by their reasons.
pub fn verdict(findings: &[Finding]) -> String {
    let Some((first, others)) = findings.split_first() else {
        return "Verdict: sound. Every layer spikes as its activations ask for.".to_string();
    };
    let mut text = format!(
        "Verdict: the first layer that breaks is [{}]: {}.\n  {}.\n  Remedy: {}.",
        first.layer,
        first.reason.name(),
        first.evidence,
        first.remedy
    );
    let mut reasons: Vec<Reason> = Vec::new();
    others.iter().map(|other| other.reason).for_each(|reason| {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    });
    let further = reasons.iter().map(|&reason| {
        let layers = others.iter().filter(|other| other.reason == reason).map(|other| format!("[{}]", other.layer));
        format!("{} in {}", reason.name(), layers.collect::<Vec<_>>().join(", "))
    });
    if !others.is_empty() {
        let further = further.collect::<Vec<_>>().join("; ");
        text +=
            &format!("\n  Further on: {further}. Mend the first and look again: layers hand on what they are given.");
    }
    text
}

/// The audit for programs; `provenance` is put in front.
pub fn document<'a>(audit: &'a Audit, provenance: &'a impl Serialize) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct File<'a, P> {
        #[serde(flatten)]
        provenance: &'a P,
        stimuli: u64,
        full_scale_spikes: f64,
        formal_accuracy: f64,
        spiking_accuracy: f64,
        layers: Vec<JsonLayer<'a>>,
        verdict: Vec<JsonFinding<'a>>,
    }
    #[derive(Serialize)]
    struct JsonFinding<'a> {
        layer: &'a str,
        reason: &'static str,
        evidence: &'a str,
        remedy: &'a str,
    }
    let rate = |recognized: u64| stats::spikes::per(recognized, audit.answers);
    File {
        provenance,
        stimuli: audit.stimuli,
        full_scale_spikes: audit.full_scale,
        formal_accuracy: rate(audit.formal_recognized),
        spiking_accuracy: rate(audit.spiking_recognized()),
        layers: audit.layers.iter().map(|layer| JsonLayer::new(layer, rate(layer.recognized))).collect(),
        verdict: audit
            .findings
            .iter()
            .map(|finding| JsonFinding {
                layer: &finding.layer,
                reason: finding.reason.name(),
                evidence: &finding.evidence,
                remedy: &finding.remedy,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct JsonLayer<'a> {
    name: &'a str,
    activation_at_full_scale: Option<f64>,
    against_frames: JsonAgreement,
    against_own_inputs: JsonAgreement,
    units: u64,
    units_silenced: u64,
    units_dead: u64,
    saturated: u64,
    held_back_by_refractory_period: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    drifted: Option<u64>,
    accuracy: f64,
}

#[derive(Serialize)]
struct JsonAgreement {
    correlation: Option<f64>,
    slope: Option<f64>,
    rms_error_spikes: f64,
    mean_spikes_expected: f64,
    mean_spikes: f64,
    pairs: u64,
    silent_in_both: u64,
    only_expected: u64,
    only_counted: u64,
}

impl<'a> JsonLayer<'a> {
    fn new(layer: &'a Layer, accuracy: f64) -> Self {
        Self {
            name: &layer.name,
            activation_at_full_scale: layer.unit,
            against_frames: JsonAgreement::new(&layer.agreement),
            against_own_inputs: JsonAgreement::new(&layer.local),
            units: layer.activity.units(),
            units_silenced: layer.activity.silenced(),
            units_dead: layer.activity.dead(),
            saturated: layer.saturated,
            held_back_by_refractory_period: layer.held_back,
            drifted: layer.drifted,
            accuracy,
        }
    }
}

impl JsonAgreement {
    fn new(agreement: &Agreement) -> Self {
        Self {
            correlation: agreement.correlation(),
            slope: agreement.slope(),
            rms_error_spikes: agreement.rms_error(),
            mean_spikes_expected: agreement.mean_expected(),
            mean_spikes: agreement.mean_counted(),
            pairs: agreement.pairs,
            silent_in_both: agreement.silent,
            only_expected: agreement.only_expected,
            only_counted: agreement.only_counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_tells_the_first_layer_in_full_and_the_others_by_reason() {
        assert!(verdict(&[]).contains("sound"));
        let finding = |layer: &str, reason| Finding {
            layer: layer.to_string(),
            reason,
            evidence: format!("evidence of {layer}"),
            remedy: format!("remedy of {layer}"),
        };
        let findings = [
            finding("conv1", Reason::Leak),
            finding("conv2", Reason::Starvation),
            finding("fc1", Reason::Leak),
            finding("fc2", Reason::Starvation),
        ];
        let text = verdict(&findings);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], "Verdict: the first layer that breaks is [conv1]: leak.");
        assert_eq!(lines[1..3], ["evidence of conv1.", "Remedy: remedy of conv1."]);
        assert!(lines[3].starts_with("Further on: starvation in [conv2], [fc2]; leak in [fc1]."), "{text}");
    }
}
