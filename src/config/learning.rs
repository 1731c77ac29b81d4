//! Fillers, solvers and activations of a layer.

use formal::config::{
    Activation, AdamConfig, Distribution, Filler, LearningRatePolicy, SgdConfig, SolverConfig, VarianceNorm,
};

use super::reader::{Accepted, Bag, Reader};
use super::registry::Scope;
use crate::model::Located;

/// The scope of a filler's parameters.
fn filler_scope(name: &str) -> Option<Scope> {
    match name {
        "ConstantFiller" => Some(Scope::ConstantFiller),
        "NormalFiller" => Some(Scope::NormalFiller),
        "UniformFiller" => Some(Scope::UniformFiller),
        "XavierFiller" => Some(Scope::XavierFiller),
        "HeFiller" => Some(Scope::HeFiller),
        _ => None,
    }
}

/// Reads the filler `key` (`WeightsFiller` or `BiasFiller`).
pub(crate) fn filler<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, key: &str, accepted: &mut Accepted) -> Filler {
    let Some(name) = reader.read_optional::<String>(bag, "", Scope::Weighted, key) else { return Filler::default() };
    let Some(scope) = filler_scope(&name) else { return Filler::default() };
    let prefix = format!("{key}.");
    accepted.push((prefix.clone(), scope));
    let mut real = |name: &str| reader.read::<f64>(bag, &prefix, scope, name);
    match scope {
        Scope::ConstantFiller => Filler::Constant { value: real("Value") },
        Scope::UniformFiller => Filler::Uniform { min: real("Min"), max: real("Max") },
        Scope::XavierFiller => {
            let scaling = real("Scaling");
            let normal = reader.read::<String>(bag, &prefix, scope, "Distribution") == "Normal";
            let distribution = if normal { Distribution::Normal } else { Distribution::Uniform };
            Filler::Xavier { variance_norm: variance_norm(reader, bag, &prefix, scope), distribution, scaling }
        }
        Scope::HeFiller => {
            let (mean_norm, scaling) = (real("MeanNorm"), real("Scaling"));
            Filler::He { variance_norm: variance_norm(reader, bag, &prefix, scope), mean_norm, scaling }
        }
        _ => Filler::Normal { mean: real("Mean"), std_dev: real("StdDev") },
    }
}

fn variance_norm<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, prefix: &str, scope: Scope) -> VarianceNorm {
    match reader.read::<String>(bag, prefix, scope, "VarianceNorm").as_str() {
        "Average" => VarianceNorm::Average,
        "FanOut" => VarianceNorm::FanOut,
        _ => VarianceNorm::FanIn,
    }
}

/// The scope of the parameters of the solver `role` (`WeightsSolver` or `BiasSolver`): its type is named by that key
/// in the layer's section, else by `Solvers`.
pub(crate) fn solver_scope<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, layer: Scope, role: &str) -> Scope {
    let key = if bag.has(role) { role } else { "Solvers" };
    if reader.read::<String>(bag, "", layer, key) == "Adam" { Scope::Adam } else { Scope::Sgd }
}

/// Reads the solver `role` (`WeightsSolver` or `BiasSolver`) from the layer's own section and its `ConfigSection`s,
/// weakest first. Inside one section `Solvers.*` is weaker, wherever it stands.
pub(crate) fn solver<'a>(
    reader: &mut Reader<'a>,
    sources: &[Bag<'a>],
    section: usize,
    role: &str,
    scope: Scope,
) -> SolverConfig {
    let mut bag = Bag::empty(section);
    for source in sources {
        for prefix in ["Solvers.", &format!("{role}.")] {
            bag.overlay(source, |name| name.strip_prefix(prefix).map(str::to_owned));
        }
    }
    if scope == Scope::Adam { adam(reader, &bag).into() } else { sgd(reader, &bag).into() }
}

fn adam<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> AdamConfig {
    let mut real = |name: &str| reader.read::<f64>(bag, "", Scope::Adam, name);
    let (learning_rate, epsilon) = (real("LearningRate"), real("Epsilon"));
    let mut beta = |name: &str| {
        let value = real(name);
        (name.to_owned(), value)
    };
    let betas = [beta("Beta1"), beta("Beta2")];
    for (name, value) in &betas {
        if !(0.0..1.0).contains(value) {
            reader.fault_at(bag, name, format!("expected a number from 0 to below 1, found `{value}`"));
        }
    }
    if learning_rate < 0.0 {
        reader.fault_at(bag, "LearningRate", format!("expected 0 or more, found `{learning_rate}`"));
    }
    let clamping = reader.read(bag, "", Scope::Adam, "Clamping");
    AdamConfig { learning_rate, beta1: betas[0].1, beta2: betas[1].1, epsilon, clamping }
}

fn sgd<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> SgdConfig {
    let mut real = |name: &str| reader.read::<f64>(bag, "", Scope::Sgd, name);
    let (learning_rate, momentum, decay) = (real("LearningRate"), real("Momentum"), real("Decay"));
    let (min_decay, power, warm_up_lr_frac) = (real("MinDecay"), real("Power"), real("WarmUpLRFrac"));
    let learning_rate_decay = real("LearningRateDecay");
    let max_iterations = reader.read(bag, "", Scope::Sgd, "MaxIterations");
    let warm_up_duration = reader.read(bag, "", Scope::Sgd, "WarmUpDuration");
    let policy = match reader.read::<String>(bag, "", Scope::Sgd, "LearningRatePolicy").as_str() {
        "StepDecay" => LearningRatePolicy::StepDecay,
        "ExponentialDecay" => LearningRatePolicy::ExponentialDecay,
        "InvTDecay" => LearningRatePolicy::InvTDecay,
        "PolyDecay" => LearningRatePolicy::PolyDecay,
        "InvDecay" => LearningRatePolicy::InvDecay,
        "CosineDecay" => LearningRatePolicy::CosineDecay,
        _ => LearningRatePolicy::None,
    };
    let lacks = match policy {
        LearningRatePolicy::PolyDecay if max_iterations == 0 => Some("`PolyDecay` needs `MaxIterations` above 0"),
        LearningRatePolicy::CosineDecay if max_iterations <= warm_up_duration => {
            Some("`CosineDecay` needs `MaxIterations` above `WarmUpDuration`")
        }
        _ => None,
    };
    if let Some(message) = lacks {
        reader.fault_at(bag, "LearningRatePolicy", message);
    }
    SgdConfig {
        learning_rate,
        momentum,
        decay,
        min_decay,
        power,
        iteration_size: reader.read(bag, "", Scope::Sgd, "IterationSize"),
        max_iterations,
        warm_up_duration,
        warm_up_lr_frac,
        policy,
        learning_rate_step_size: reader.read(bag, "", Scope::Sgd, "LearningRateStepSize"),
        learning_rate_decay,
        clamping: reader.read(bag, "", Scope::Sgd, "Clamping"),
    }
}

/// Reads the activation; `default` stands in when none is written.
pub(crate) fn activation<'a>(
    reader: &mut Reader<'a>,
    bag: &Bag<'a>,
    default: Activation,
    accepted: &mut Accepted,
) -> Located<Activation> {
    const PREFIX: &str = "ActivationFunction.";
    accepted.push((String::new(), Scope::Activated));
    let name: Option<String> = reader.read_optional(bag, "", Scope::Activated, "ActivationFunction");
    let span = match bag.property("ActivationFunction") {
        Some(property) => reader.span(property.line),
        None => reader.span_of_section(bag.section),
    };
    let written = name.is_some();
    let chosen =
        name.unwrap_or_else(|| if matches!(default, Activation::Tanh { .. }) { "Tanh" } else { "Linear" }.into());
    let value = match chosen.as_str() {
        "Rectifier" => {
            accepted.push((PREFIX.to_owned(), Scope::Rectifier));
            Activation::Rectifier {
                leak_slope: reader.read(bag, PREFIX, Scope::Rectifier, "LeakSlope"),
                clipping: reader.read(bag, PREFIX, Scope::Rectifier, "Clipping"),
            }
        }
        "Tanh" => {
            accepted.push((PREFIX.to_owned(), Scope::Tanh));
            Activation::Tanh { alpha: reader.read(bag, PREFIX, Scope::Tanh, "Alpha") }
        }
        "TanhLeCun" => Activation::Tanh { alpha: 1.7159 * 2.0 / 3.0 },
        "Logistic" => Activation::Logistic,
        "LogisticWithLoss" => Activation::LogisticWithLoss,
        "Saturation" => {
            accepted.push((PREFIX.to_owned(), Scope::Saturation));
            Activation::Saturation { threshold: reader.read(bag, PREFIX, Scope::Saturation, "Threshold") }
        }
        "Softplus" => Activation::Softplus,
        "Swish" => Activation::Swish,
        _ => {
            accepted.push((PREFIX.to_owned(), Scope::Linear));
            match reader.read::<f32>(bag, PREFIX, Scope::Linear, "Clipping") {
                0.0 => Activation::Linear,
                clipping if clipping < 0.0 => {
                    let message = format!("expected 0 (off) or more, found `{clipping}`");
                    reader.fault_at(bag, "ActivationFunction.Clipping", message);
                    Activation::Linear
                }
                clipping => Activation::Saturation { threshold: clipping },
            }
        }
    };
    Located { value: if written || value != Activation::Linear { value } else { default }, span }
}
