//! Confusion matrices, and the stimuli behind each cell.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Page;
use super::data::{Answer, Data};
use super::html::{escaped, table};
use crate::report::number::grouped;

/// More classes are told as a list of pairs.
const MOST_CLASSES: usize = 50;
const MOST_PAIRS: usize = 60;

/// A network's answer; `None` where no output spiked.
type OfAnswer = fn(&Answer) -> Option<usize>;

/// A section for each network.
pub fn sections(page: &mut Page, data: &Data) {
    let mut html = section(data, "f", "as frames", |answer| Some(answer.formal));
    if data.spiking.is_some() {
        html += &section(data, "s", "as spikes", |answer| answer.spiking);
    }
    page.section("confusion", "Who is taken for whom", &html);
}

fn name(data: &Data, class: Option<usize>) -> String {
    match class {
        None => "no answer".to_string(),
        Some(class) => data.classes.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or(class.to_string()),
    }
}

fn section(data: &Data, key: &str, network: &str, of: OfAnswer) -> String {
    let mut counts: BTreeMap<(usize, Option<usize>), u64> = BTreeMap::new();
    let mut shown: BTreeMap<(usize, Option<usize>), Vec<usize>> = BTreeMap::new();
    data.answers.iter().for_each(|answer| *counts.entry((answer.target, of(answer))).or_default() += 1);
    for (number, stimulus) in data.shown.iter().enumerate() {
        let answer = &data.answers[stimulus.place];
        shown.entry((answer.target, of(answer))).or_default().push(number);
    }
    let right: u64 = counts.iter().filter(|((t, e), _)| Some(*t) == *e).map(|(_, n)| n).sum();
    let all = data.answers.len() as u64;
    let mut html = format!(
        "<h3>Recognized {network}: {} of {}, {:.2} %</h3>\n",
        grouped(right),
        grouped(all),
        100.0 * stats::spikes::per(right, all)
    );
    let greatest = counts.keys().map(|&(target, estimated)| target.max(estimated.unwrap_or(0))).max();
    let n = data.classes.len().max(1 + greatest.unwrap_or(0));
    let has_none = counts.keys().any(|key| key.1.is_none());
    let id = |target: usize, estimated: Option<usize>| {
        format!("{key}-{target}-{}", estimated.map_or("none".to_string(), |class| class.to_string()))
    };
    if n <= MOST_CLASSES {
        html += "<p>Rows: class, columns: answer. A number leads to its stimuli.</p>";
        let _ = write!(
            html,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix {network}\"><table class=\"matrix\"><thead><tr><td></td>"
        );
        let columns: Vec<Option<usize>> = (0..n).map(Some).chain(has_none.then_some(None)).collect();
        for &class in &columns {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escaped(&name(data, class)));
        }
        html += "</tr></thead><tbody>";
        for target in 0..n {
            let total: u64 = columns.iter().filter_map(|&e| counts.get(&(target, e))).sum();
            let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escaped(&name(data, Some(target))));
            for &estimated in &columns {
                let Some(&count) = counts.get(&(target, estimated)) else {
                    html += "<td></td>";
                    continue;
                };
                let share = stats::spikes::per(count, total).sqrt();
                let class = if estimated == Some(target) { "right" } else { "wrong" };
                let dark = if share > 0.5 { " dark" } else { "" };
                let link = if shown.contains_key(&(target, estimated)) {
                    format!("<a href=\"#{}\" data-cell>{count}</a>", id(target, estimated))
                } else {
                    count.to_string()
                };
                let _ = write!(html, "<td class=\"{class}{dark}\" style=\"--s:{share:.2}\">{link}</td>");
            }
            html += "</tr>\n";
        }
        html += "</tbody></table></div>\n";
    } else {
        let mut wrong: Vec<_> = counts.iter().filter(|((t, e), _)| Some(*t) != *e).collect();
        wrong.sort_by_key(|(key, n)| (std::cmp::Reverse(**n), **key));
        let row = |((target, estimated), n): &(&(usize, Option<usize>), &u64)| {
            vec![name(data, Some(*target)), name(data, *estimated), grouped(**n)]
        };
        let rows: Vec<Vec<String>> = wrong.iter().take(MOST_PAIRS).map(row).collect();
        html += &table("The most frequent confusions", &["class", "taken for", "stimuli"], &rows);
    }
    let _ = write!(html, "<div class=\"groups\" id=\"groups-{key}\">");
    for ((target, estimated), numbers) in &shown {
        let count = counts[&(*target, *estimated)];
        let _ = write!(
            html,
            "<section class=\"group\" id=\"{}\" tabindex=\"-1\"><h4>{} taken for {}: {} of {}</h4><p>",
            id(*target, *estimated),
            escaped(&name(data, Some(*target))),
            escaped(&name(data, *estimated)),
            numbers.len(),
            grouped(count)
        );
        for &number in numbers {
            let columns = data.atlas.columns.max(1);
            let _ = write!(
                html,
                "<a class=\"t\" href=\"#stimuli\" data-n=\"{number}\" style=\"--x:{};--y:{}\" aria-label=\"stimulus {}\"></a>",
                number % columns,
                number / columns,
                data.shown[number].id
            );
        }
        html += "</p></section>\n";
    }
    html + "</div>\n"
}
