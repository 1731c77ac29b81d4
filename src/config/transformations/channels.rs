//! `[sp.ChannelTransformation*]` and its kin: each channel of what the network sees is made of a copy of the image.

use stimuli::{ApplyTo, Channels, Operation, Set, Transformation};

use super::{Read, transformation};
use crate::config::reader::Reader;
use crate::config::registry::Scope;

/// More channels than that are a slip of the pen.
const MOST_CHANNELS: usize = 1024;

/// What a name such as `ChannelOnTheFlyTransformation-2` says.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    on_the_fly: bool,
    /// It applies to every channel, in place of one.
    is_of_all: bool,
}

/// The kind of a section's name without the provider's; `None` where it is none of channels.
pub(super) fn kind(name: &str) -> Option<Kind> {
    let rest = name.strip_prefix("Channel")?;
    let (is_of_all, rest) = rest.strip_prefix('s').map_or((false, rest), |rest| (true, rest));
    let on_the_fly = rest.starts_with("OnTheFlyTransformation");
    (on_the_fly || rest.starts_with("Transformation")).then_some(Kind { on_the_fly, is_of_all })
}

/// Refuses the index of a channel where there is none.
pub(super) fn refuse_index(reader: &mut Reader<'_>, section: usize) {
    let bag = reader.bag(section, None);
    if bag.has("Channel") {
        reader.fault_at(
            &bag,
            "Channel",
            "is for sections such as `[sp.ChannelTransformation]`; rename this one, or leave it out",
        );
    }
}

/// The sections read so far, in file order.
#[derive(Default)]
pub(super) struct Declared(Vec<One>);

struct One {
    section: usize,
    /// `None` for all.
    channel: Option<usize>,
    transformation: Transformation,
}

impl Declared {
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, section: usize, kind: Kind, n_channels: usize, read: &Read) {
        let bag = reader.bag(section, None);
        let n_errors = reader.errors.len();
        let index: Option<usize> = reader.read_optional(&bag, "", Scope::Transformation, "Channel");
        let is_sound = reader.errors.len() == n_errors;
        match (kind.is_of_all, index) {
            (false, None) if is_sound => {
                reader.section_fault(section, "Channel", "missing; expected the index of a channel, from 0");
            }
            (true, Some(_)) => {
                let message =
                    "this section is of all channels; call it `ChannelTransformation` for one, or leave the key out";
                reader.fault_at(&bag, "Channel", message);
            }
            (_, Some(index)) if index >= MOST_CHANNELS => {
                reader.fault_at(&bag, "Channel", format!("expected an index below {MOST_CHANNELS}, found {index}"));
            }
            _ => {}
        }
        let is_sound = reader.errors.len() == n_errors;
        let transformation = transformation(reader, section, kind.on_the_fly, n_channels, read);
        let one = transformation.map(|transformation| One { section, channel: index, transformation });
        self.0.extend(one.filter(|_| is_sound));
    }

    /// Adds what all of them do, set by set, after what is done to the image: the channels that have an index, else as many
    /// as the network sees.
    pub(super) fn finish(self, reader: &mut Reader<'_>, n_channels: usize, read: &mut Read) {
        let Some(first) = self.0.first() else { return };
        let section = first.section;
        let n = self.0.iter().filter_map(|one| one.channel).map(|channel| channel + 1).max();
        if let Some(absent) = (0..n.unwrap_or(0)).find(|&at| !self.0.iter().any(|one| one.channel == Some(at))) {
            let message = format!("expected a transformation for each channel, found none with `Channel={absent}`");
            return reader.section_fault(section, "", message);
        }
        let all = || read.transformations.iter().map(|(_, before)| before);
        let on_the_fly =
            all().any(|before| before.on_the_fly) || self.0.iter().any(|one| one.transformation.on_the_fly);
        for (set, apply_to) in
            Set::ALL.into_iter().zip([ApplyTo::LearnOnly, ApplyTo::ValidationOnly, ApplyTo::TestOnly])
        {
            let copy = |channel: usize| -> Vec<Operation> {
                let applies = |one: &&One| {
                    one.channel.is_none_or(|at| at == channel) && one.transformation.apply_to.includes(set)
                };
                let of = |on_the_fly: bool| {
                    let those = self.0.iter().filter(applies);
                    those.filter(move |one| one.transformation.on_the_fly == on_the_fly)
                };
                of(false).chain(of(true)).map(|one| one.transformation.operation.clone()).collect()
            };
            let copies = (0..n.unwrap_or(n_channels)).map(copy).collect();
            let operation = Operation::Channels(Channels { copies });
            read.transformations.push((section, Transformation { apply_to, on_the_fly, operation }));
        }
    }
}
