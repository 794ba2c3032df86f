//! What every page is wrapped in: its head, its policy, its foot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::report::result::Tool;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A part of the page under a heading.
pub(super) struct Section {
    /// Name in the page; of letters and dashes.
    pub(super) id: &'static str,
    pub(super) heading: &'static str,
    pub(super) content: Markup,
}

/// A whole page: `top` is what is seen first.
pub(super) fn page(title: &str, top: &Markup, sections: &[Section], foot: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#result" { "Skip to the result" }
                (hatch())
                header { (top) }
                nav aria-label="Parts of this page" {
                    @for section in sections {
                        a href={ "#" (section.id) } { (section.heading) }
                    }
                }
                main id="result" tabindex="-1" {
                    @for section in sections {
                        section id=(section.id) {
                            h2 { (section.heading) }
                            (section.content)
                        }
                    }
                }
                footer { (foot) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// What made the page's result: the tool, and the run's identity and begin.
pub(super) fn foot(tool: &Tool, run: Option<(&str, &str)>) -> Markup {
    html! {
        p {
            (tool.name) " " (tool.version)
            @if let Some(git) = &tool.git { " (" (git) ")" }
            @if let Some((id, started_at)) = run { "; run " (id) " of " (started_at) }
            ". This page is one file and loads nothing."
        }
    }
}

/// What parts of charts are filled with: a pattern can be told without colour.
fn hatch() -> Markup {
    html! {
        svg.hatch width="0" height="0" aria-hidden="true" {
            pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" {
                path d="M-1 1L1 -1M0 6L6 0M5 7L7 5" {}
            }
        }
    }
}

/// Nothing but this style and this script.
fn policy() -> String {
    let hash = |text: &str| BASE64.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
