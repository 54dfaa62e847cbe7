//! The page, from head to foot.

use std::io::Write;
use std::sync::Arc;

use flightrec_recorder::Reader;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::redact::Redactor;
use flightrec_recorder::view::SessionView;
use rustc_hash::FxHashMap;

use super::super::chosen;
use super::lanes::{self, Named};
use super::markup::Html;
use super::session::{self, Told};
use crate::commands::Run;
use crate::commands::events::readable;
use crate::commands::short_ids::ShortIds;
use crate::exit::Failure;
use crate::output::words;

const STYLE: &str = include_str!("page.css");

/// The digest of the style, which is all that the page's policy lets in: no script, no other file, no address.
const STYLE_DIGEST: &str = "sha256-b2EOE6uBzW55SyzQQ+2OLxWC6cdtbzh/RZx250WezUE=";

/// Writes sessions, the first of which the page is about; answers with how many events were told, and whether all
/// could be read.
pub(in crate::commands::export) fn write(
    run: &Run,
    reader: &Reader,
    sessions: &[SessionView],
    out: &mut dyn Write,
) -> Result<(u64, bool), Failure> {
    let short = ShortIds::all(reader);
    let mut depths: FxHashMap<Arc<str>, usize> = FxHashMap::default();
    let mut drawn = Vec::new();
    let mut is_whole = chosen::each_lane(run, reader, sessions, |lane| {
        let session = &lane.session;
        let above = session.parent_session_id.as_ref().and_then(|parent| depths.get(parent));
        let depth = above.map_or(0, |above| above + 1);
        depths.insert(Arc::clone(&session.session_id), depth);
        drawn.push(Named { name: chosen::name_of(session, short.get(&session.session_id)), depth, lane });
        Ok(())
    })?;
    let redactor = Redactor::new();
    let mut html = Html::new(out);
    let title = drawn.first().map_or("", |named| named.name.as_str());
    head(&mut html, title)?;
    html.markup("<body><main><header>")?;
    html.element("h1", "", title)?;
    let told = format!(
        "flightrec {}, store {}, {}. Secrets were taken out before anything was recorded, and looked for again here.",
        env!("CARGO_PKG_VERSION"),
        reader.store_id(),
        run.now(),
    );
    html.element("p", "soft", &told)?;
    html.markup("</header>\n<section><h2>Over time</h2>")?;
    lanes::draw(&mut html, &drawn, run.now())?;
    html.markup(LEGEND)?;
    html.markup("</section>\n")?;
    if drawn.len() > 1 {
        contents(&mut html, &drawn)?;
    }
    let mut told_events = 0;
    for named in &drawn {
        let id = Arc::clone(&named.lane.session.session_id);
        let messages = reader.messages(Some(Arc::clone(&id))).map_err(|error| run.store.read_failure(&error))?;
        let mut events = Vec::new();
        for event in reader.events(&EventFilter::of_session(id)) {
            events.extend(readable(run, event, &mut is_whole)?);
        }
        told_events += events.len() as u64;
        session::write(&mut html, &Told { named, messages, events }, reader, &redactor)?;
    }
    html.markup("</main></body></html>\n")?;
    out.flush()?;
    Ok((told_events, is_whole))
}

const LEGEND: &str = "<p class=\"legend\"><span class=\"of-session\"></span> session <span class=\"of-model\"></span> model run \
<span class=\"of-tool\"></span> tool call <span class=\"of-other\"></span> other <span class=\"of-error\"></span> error \
<span class=\"of-broken\"></span> cancelled or abandoned <span class=\"of-queue\"></span> queued <span class=\"of-hold\"></span> held by a limit</p>";

fn head(html: &mut Html<'_>, title: &str) -> std::io::Result<()> {
    html.markup("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")?;
    let policy = format!("default-src 'none'; style-src '{STYLE_DIGEST}'; base-uri 'none'; form-action 'none'");
    html.begin("meta", &[("http-equiv", "Content-Security-Policy".into()), ("content", policy.into())])?;
    html.markup(
        "\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n",
    )?;
    html.element("title", "", &format!("{title} \u{2013} Flight Recorder"))?;
    html.markup("<style>")?;
    html.markup(STYLE)?;
    html.markup("</style></head>\n")
}

/// The sessions of a tree, each with the way to its section.
fn contents(html: &mut Html<'_>, drawn: &[Named]) -> std::io::Result<()> {
    html.markup("<nav><h2>Sessions</h2><ul>")?;
    for named in drawn {
        let session = &named.lane.session;
        html.markup("<li>")?;
        html.element("span", "soft", &"\u{2013} ".repeat(named.depth))?;
        html.begin("a", &[("href", format!("#session-{}", session.session_id).into())])?;
        html.text(&named.name)?;
        html.end("a")?;
        let cost = words::cost(session.cost.own_nanos, session.cost.unpriced_runs);
        html.text(&format!("{}, {cost}", session.state.as_str()))?;
        html.markup("</li>")?;
    }
    html.markup("</ul></nav>\n")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_lets_in_the_style_as_it_is() {
        assert_eq!(STYLE_DIGEST, format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE))));
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('<'));
    }
}
