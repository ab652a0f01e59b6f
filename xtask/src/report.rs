//! The report: one HTML file without scripts and without anything to load.

use std::collections::HashMap;
use std::fmt::Write;

use qbench::experiment::{ClaimAnswer, Scale, Section};

use crate::html::{element, escape, table};
use crate::manifest::{ExperimentRecord, Manifest};

/// An experiment in the report.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// What it measures.
    pub title: &'a str,
    /// Its section and where its rows come from; `None`: not run.
    pub content: Option<(&'a Section, &'a ExperimentRecord)>,
}

const STYLE: &str = "\
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
code { font: 0.9em ui-monospace, monospace; background: #f3f3f3; padding: 0.1em 0.3em; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border: 1px solid #ccc; }
thead th { background: #f3f3f3; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.claims td:nth-child(2) { font-weight: 600; }
.caption, figcaption { color: #444; font-size: 0.9rem; }
.open { color: #666; font-style: italic; }
.note { border-left: 4px solid #b35900; background: #fff6ec; padding: 0.6rem 1rem; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } .wide { overflow: visible; } }
";

/// The whole page: the answers first, then the experiments with their tables and figures, then the limits.
///
/// `figures` holds the drawings by name, as SVG documents. The page holds no times and no paths, so that the same rows and the
/// same command give the same bytes.
#[must_use]
pub fn page(
    manifest: &Manifest,
    claims: &[ClaimAnswer],
    parts: &[Part<'_>],
    figures: &HashMap<String, String>,
) -> String {
    let mut html = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<title>Upslope: did negative learning rates help?</title>\n");
    // Writing to a string cannot fail, here and below.
    let _ = write!(html, "<style>\n{STYLE}</style>\n</head>\n<body>\n");
    html.push_str(&element("h1", "Upslope: did negative learning rates help?"));
    if manifest.scale == Scale::Quick {
        html.push_str(&quick_note());
    }
    html.push_str(&answers(claims, manifest.scale));
    html.push_str(&what_was_run(manifest, parts));
    for part in parts {
        html.push_str(&section(part, manifest, figures));
    }
    html.push_str(&limits());
    html.push_str("</body>\n</html>\n");
    html
}

fn quick_note() -> String {
    "<p class=\"note\"><strong>Quick run.</strong> Only a small slice of every experiment was run, to show that everything \
     works. No conclusion is drawn from it.</p>\n"
        .to_owned()
}

fn answers(claims: &[ClaimAnswer], scale: Scale) -> String {
    let mut html = element("h2", "The answers");
    html.push_str(&element(
        "p",
        "What the negative-learning-rate (NLR) paper claims, in our words; the rule by which each claim was decided, fixed \
         before the run; and what was measured.",
    ));
    let head = match scale {
        Scale::Full => "Measured",
        Scale::Quick => "Measured on the quick slice: no conclusion",
    };
    html.push_str("<div class=\"wide\"><table class=\"claims\">\n<thead><tr>");
    for column in ["", "Claim", head, "Rule"] {
        let _ = write!(html, "<th scope=\"col\">{column}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for claim in claims {
        let answer = claim.answer.as_deref().map_or_else(
            || "<td class=\"open\">not measured yet</td>".to_owned(),
            |answer| format!("<td>{}</td>", escape(answer)),
        );
        let (id, text, rule) = (escape(claim.id), escape(claim.claim), escape(claim.rule));
        let _ = writeln!(html, "<tr><th scope=\"row\">{id}</th><td>{text}</td>{answer}<td>{rule}</td></tr>");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn scale_name(scale: Scale) -> &'static str {
    match scale {
        Scale::Quick => "quick",
        Scale::Full => "full",
    }
}

fn what_was_run(manifest: &Manifest, parts: &[Part<'_>]) -> String {
    let mut html = element("h2", "What was run");
    let _ = writeln!(html, "<p><code>{}</code></p>", escape(&manifest.command));
    let build = &manifest.build;
    let facts = [
        ("Version", build.version.clone()),
        ("Root seed", manifest.seed.to_string()),
        ("Scale", scale_name(manifest.scale).to_owned()),
        ("Kernel level", build.kernel_level.clone()),
        ("Target", build.target.clone()),
        ("Compiler", build.rustc.clone()),
        ("Results epoch", build.results_epoch.to_string()),
        ("Sources", build.sources.clone()),
    ];
    html.push_str("<div class=\"wide\"><table>\n<tbody>\n");
    for (name, value) in facts {
        let _ = writeln!(html, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape(&value));
    }
    html.push_str("</tbody></table></div>\n");
    let columns = ["Experiment", "What it measures", "Tasks", "Rows"].map(str::to_owned);
    let rows: Vec<Vec<String>> = parts
        .iter()
        .map(|part| {
            let count = |number: Option<usize>| number.map_or("not run".to_owned(), |n| n.to_string());
            let record = part.content.map(|(_, record)| record);
            vec![
                part.name.to_owned(),
                part.title.to_owned(),
                count(record.map(|record| record.tasks)),
                count(record.map(|record| record.rows)),
            ]
        })
        .collect();
    html.push_str(&table(&columns, &rows));
    html.push_str(
        "<p>The same version, seed, target and kernel level give the same bytes in every result file, whatever the number of \
         threads, and with or without an interruption. Times and checksums are in <a \
         href=\"manifest.json\">manifest.json</a>.</p>\n",
    );
    html
}

/// The command that makes the rows of one experiment.
pub(crate) fn command_of(name: &str, manifest: &Manifest) -> String {
    let mut command = format!("cargo xtask reproduce --only {name}");
    // The seed is always written out: a default may change, a report stays.
    let _ = write!(command, " --seed {}", manifest.seed);
    if manifest.scale == Scale::Quick {
        command.push_str(" --quick");
    }
    command
}

fn section(part: &Part<'_>, manifest: &Manifest, figures: &HashMap<String, String>) -> String {
    let mut html = format!("<h2 id=\"{}\">{}</h2>\n", escape(part.name), escape(part.title));
    let command = escape(&command_of(part.name, manifest));
    let Some((section, record)) = part.content else {
        let _ =
            writeln!(html, "<p class=\"open\">Not run at this seed and scale. To run it: <code>{command}</code></p>");
        return html;
    };
    if manifest.scale == Scale::Quick {
        html.push_str("<p class=\"note\">Quick slice: no conclusion is drawn from it.</p>\n");
    }
    let csv = escape(&record.csv.file);
    let _ =
        writeln!(html, "<p>Experiment <code>{}</code>, rows in <a href=\"{csv}\">{csv}</a>.</p>", escape(part.name));
    if record.build.as_ref() != Some(&manifest.build) {
        html.push_str(&element("p", &origin(record)));
    }
    for paragraph in &section.paragraphs {
        html.push_str(&element("p", paragraph));
    }
    if !record.configuration.is_empty() {
        html.push_str(&element("h3", "Configuration"));
        let rows: Vec<Vec<String>> =
            record.configuration.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
        html.push_str(&table(&["what", "value"].map(str::to_owned), &rows));
    }
    for content in &section.tables {
        html.push_str(&element("h3", &content.title));
        html.push_str(&table(&content.columns, &content.rows));
        let _ = writeln!(
            html,
            "<p class=\"caption\">{} Made by <code>{command}</code> from <a href=\"{csv}\">{csv}</a>.</p>",
            escape(&content.caption)
        );
    }
    for figure in &section.figures {
        let Some(svg) = figures.get(&figure.name) else {
            continue;
        };
        let (name, title) = (escape(&figure.name), escape(&figure.title));
        let _ = writeln!(
            html,
            "<figure id=\"figure-{name}\">\n<div class=\"wide\" role=\"img\" aria-label=\"{title}\">\n{}</div>\n<figcaption>{} \
             Made by <code>{command}</code> from <a href=\"{csv}\">{csv}</a>; the figure alone: <a \
             href=\"figures/{name}.svg\">{name}.svg</a>.</figcaption>\n</figure>",
            svg,
            escape(&figure.caption)
        );
    }
    html
}

/// Where rows come from that this program did not make.
fn origin(record: &ExperimentRecord) -> String {
    match &record.build {
        Some(build) => format!(
            "These rows were found in the folder; they were made by version {} on {} with kernel level {}.",
            build.version, build.target, build.kernel_level
        ),
        None => "These rows were found in the folder; which build made them is not known.".to_owned(),
    }
}

fn limits() -> String {
    let mut html = element("h2", "Limits");
    for paragraph in [
        "NLR as it is run here is a reconstruction from the public summary of the paper \"Escaping Barren Plateaus in \
         Variational Quantum Algorithms Using Negative Learning Rate in Quantum Internet of Things\" (arXiv 2511.22861). \
         Formulas, variants and defaults are ours, and so is every number in this report; none of them is the authors'.",
        "Everything was simulated: a result about shots and budgets says nothing about a device whose noise is not in the \
         simulation. Each interval is what its caption says it is, and covers the randomness named there and no other.",
        "Rows are the same bytes on the same target and kernel level. Between platforms, functions such as sine may differ in \
         the last bits, and with them single runs.",
    ] {
        html.push_str(&element("p", paragraph));
    }
    html
}
