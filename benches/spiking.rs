//! The spiking test of LeNet with the shipped weights: engine against reference, threads, widths.

use benches::{compare, session, threads};
use femtospike::session::Session;
use femtospike::weights::WeightSource;
use femtospike::{assemble, transcode, weights};
use rayon::prelude::*;
use sim::recorder::Nothing;
use sim::{Encoder, Plan, Presentation, Real, SimDuration, State};
use stimuli::{Set, StimulusId};

const PRESENTATION: SimDuration = SimDuration(1_000_000_000);
const SEED: u64 = 1;

struct Bench {
    session: Session,
    network: sim::Network,
    encoder: Encoder,
}

impl Bench {
    fn new() -> Self {
        let session = session("LeNet_Spike.ini");
        let description = &session.description;
        let loaded = weights::load(description, &WeightSource::Shipped("LeNet")).expect("shipped weights load");
        let mut frames = assemble::formal_network(description, 1).expect("the shipped model is sound");
        assemble::set_weights(&mut frames, &loaded).expect("shipped weights fit");
        let ranges =
            transcode::activation_ranges(&session, &mut frames, description.normalization).expect("MNIST loads");
        let factors = transcode::factors(description, &ranges, description.normalization).expect("no layer is dead");
        let network = transcode::transcode(description, &loaded.cells, factors, 1).expect("LeNet transcodes").network;
        let encoder = Encoder::new(description.stimuli.encoder.clone().expect("an [env]")).expect("sound periods");
        session.provider.prepare(Set::Test);
        Self { session, network, encoder }
    }

    fn ids(&self, n: usize) -> &[StimulusId] {
        &self.session.database().set(Set::Test)[..n]
    }

    fn values(&self, id: StimulusId) -> Vec<f32> {
        let mut values = vec![0.0; self.session.provider.shape().n_elements()];
        self.session.provider.load(id, Set::Test, &mut values);
        values
    }

    fn engine<F: Real>(&self, plan: &Plan<F>, n: usize) {
        self.ids(n).par_chunks(32).for_each_init(
            || State::new(plan),
            |state, ids| {
                for &id in ids {
                    let values = self.values(id);
                    let presentation = Presentation { values: &values, stimulus: id as u64, duration: PRESENTATION };
                    sim::present(plan, state, &self.encoder, SEED, &presentation, &mut Nothing);
                }
            },
        );
    }

    fn reference(&self, n: usize) {
        for &id in self.ids(n) {
            let values = self.values(id);
            let presentation = Presentation { values: &values, stimulus: id as u64, duration: PRESENTATION };
            sim::reference::present::<f32>(&self.network, &self.encoder, SEED, &presentation).expect("LeNet is sound");
        }
    }
}

fn main() {
    let bench = Bench::new();
    let plan = Plan::<f32>::new(&bench.network).expect("LeNet compiles");
    let wide = Plan::<f64>::new(&bench.network).expect("LeNet compiles");
    let (one, two) = (threads(1), threads(2));
    compare(
        "20 images, one thread",
        ("naive reference", &mut || bench.reference(20)),
        ("engine", &mut || one.install(|| bench.engine(&plan, 20))),
    );
    compare(
        "1000 images",
        ("1 thread", &mut || one.install(|| bench.engine(&plan, 1000))),
        ("2 threads", &mut || two.install(|| bench.engine(&plan, 1000))),
    );
    compare(
        "500 images, one thread",
        ("f64", &mut || one.install(|| bench.engine(&wide, 500))),
        ("f32", &mut || one.install(|| bench.engine(&plan, 500))),
    );
}
