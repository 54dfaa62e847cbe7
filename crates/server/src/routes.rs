//! The one table of routes: whatever the server answers stands here, and nowhere else. The way to an
//! answer, the description of the API, the metrics and the tests of the gate are all taken from it.

use std::sync::Arc;

use hyper::Method;

use crate::answer::Answer;
use crate::api::{Question, budgets, events, giving, lists, sessions, timeline};
use crate::app::App;
use crate::front::Given;
use crate::intake::Signal;
use crate::page::{self, Asset};
use crate::problem::Problem;
use crate::{health, openapi};

/// Which of the two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Port {
    /// OTLP/HTTP, the API and the page.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

impl Port {
    pub(crate) const ALL: [Port; 2] = [Port::Http, Port::Grpc];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Port::Http => "http",
            Port::Grpc => "grpc",
        }
    }
}

/// The methods that routes have. `HEAD` is `GET` without the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Get,
    Post,
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
        }
    }

    fn is(self, method: &Method) -> bool {
        match self {
            Verb::Get => method == Method::GET || method == Method::HEAD,
            Verb::Post => method == Method::POST,
        }
    }
}

/// A query parameter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether it may be given several times.
    pub(crate) repeats: bool,
}

/// What a route does.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    /// Answers at once, from memory.
    Tell(fn(&Arc<App>) -> Answer),
    /// Sends a file of the page.
    Show(&'static Asset),
    /// Asks the store, on a thread that may block.
    Ask(fn(&Question) -> Result<Answer, Problem>),
    /// Gives the store something, on a thread that may block.
    Give(fn(&Question, &Given) -> Result<Answer, Problem>),
    /// Answers a question in SQL.
    Query,
    /// Sends events as they are recorded.
    Follow,
    /// Takes telemetry over HTTP.
    Take(Signal),
    /// Takes telemetry over gRPC.
    Call(Signal),
}

/// One route.
pub(crate) struct Route {
    pub(crate) port: Port,
    pub(crate) method: Verb,
    /// The path; a part in braces takes any one part of a request's path.
    pub(crate) path: &'static str,
    pub(crate) about: &'static str,
    /// Groups of query parameters.
    pub(crate) query: &'static [&'static [Parameter]],
    /// The shape of the answer, by its name in [`crate::api::schemas`].
    pub(crate) shape: &'static str,
    pub(crate) action: Action,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

impl Route {
    /// All query parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        self.query.iter().copied().flatten()
    }
}

const fn one(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, repeats: false }
}

const fn many(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, repeats: true }
}

const PAGE: &[Parameter] = &[
    one("limit", "At most so many items, 1 to 1,000; 1,000 without it."),
    one("cursor", "`next_cursor` of the page before, for what follows it."),
];
const TIME: &[Parameter] = &[
    one("since", "At or after this time: RFC 3339, a date, or back from now such as 2h or 30d."),
    one("until", "Before this time, in the same forms."),
];
const SESSIONS: &[Parameter] = &[
    many("state", "Sessions in this state; repeat it, or separate states by commas."),
    one("role", "Sessions with this role."),
    one("model", "Sessions that talk to this model."),
    one("wp", "Sessions of this work packet."),
    one("backend", "Sessions whose model runs there: local or cloud."),
];
const OF_SESSION: &[Parameter] = &[one("session", "Of this session, by its id or a unique beginning of it.")];
const SORT: &[Parameter] = &[one(
    "sort",
    "created (oldest first), updated (latest first), cost, tokens, elapsed (largest first), role, state.",
)];
const KIND: &[Parameter] = &[many("kind", "With this code or type; `*` at the end takes all that begin so.")];
const FROM_SEQ: &[Parameter] = &[one("from_seq", "From this position of the record on.")];
const OVERLAPS: &[Parameter] =
    &[one("overlaps", "FROM..TO: under way at some time in this range; either end may be left out.")];
const SPAN: &[Parameter] = &[one("span", "Of this span, by its id.")];
const FAMILY: &[Parameter] =
    &[one("session", "This session, all above it and all below it; a unique beginning of its id.")];
const CHANGED: &[Parameter] =
    &[one("changed_since", "Lanes with events after this position of the record, and the lanes above those.")];
const BY: &[Parameter] = &[one("by", "What to sum up by: session, wp, role, model or provider.")];
const FINDING: &[Parameter] = &[many("kind", "Findings of this kind, such as orphan_parent.")];
const WINDOW: &[Parameter] = &[
    one("window", "The length of the window, up to 24h; 60s without it."),
    one("at", "Where the window ends; now without it."),
];
const MODE: &[Parameter] =
    &[one("mode", "strict (without it), or lenient: record what breaks the life of a session, and raise a finding.")];

const fn get(
    path: &'static str,
    about: &'static str,
    query: &'static [&'static [Parameter]],
    shape: &'static str,
    action: Action,
) -> Route {
    Route { port: Port::Http, method: Verb::Get, path, about, query, shape, action }
}

const fn post(
    path: &'static str,
    about: &'static str,
    query: &'static [&'static [Parameter]],
    shape: &'static str,
    action: Action,
) -> Route {
    Route { port: Port::Http, method: Verb::Post, path, about, query, shape, action }
}

const fn call(path: &'static str, about: &'static str, signal: Signal) -> Route {
    Route {
        port: Port::Grpc,
        method: Verb::Post,
        path,
        about,
        query: &[],
        shape: "telemetry",
        action: Action::Call(signal),
    }
}

/// Every route.
pub(crate) static ROUTES: &[Route] = &[
    post("/v1/traces", "Take spans.", &[], "telemetry", Action::Take(Signal::Traces)),
    post("/v1/logs", "Take log records.", &[], "telemetry", Action::Take(Signal::Logs)),
    post("/v1/metrics", "Take data points: counted, not recorded.", &[], "telemetry", Action::Take(Signal::Metrics)),
    call("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "Take spans.", Signal::Traces),
    call("/opentelemetry.proto.collector.logs.v1.LogsService/Export", "Take log records.", Signal::Logs),
    call("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "Take data points.", Signal::Metrics),
    get(
        "/api/v1/events",
        "Events, in the order of the record.",
        &[OF_SESSION, SPAN, KIND, FROM_SEQ, TIME, SESSIONS, PAGE],
        "events",
        Action::Ask(events::list),
    ),
    post(
        "/api/v1/events",
        "Record events: a JSON array, or one event a line. Each has its own verdict.",
        &[MODE],
        "verdicts",
        Action::Give(giving::events),
    ),
    get("/api/v1/sessions", "Sessions.", &[SESSIONS, TIME, SORT, PAGE], "sessions", Action::Ask(sessions::list)),
    get(
        "/api/v1/sessions/{id}",
        "One session: facts, states, spans, descendants.",
        &[],
        "session_detail",
        Action::Ask(sessions::one),
    ),
    get(
        "/api/v1/sessions/{id}/events",
        "The events of one session.",
        &[SPAN, KIND, FROM_SEQ, TIME, PAGE],
        "events",
        Action::Ask(events::list),
    ),
    get(
        "/api/v1/sessions/{id}/spans",
        "The spans of one session, by start.",
        &[OVERLAPS, TIME, PAGE],
        "spans",
        Action::Ask(lists::spans),
    ),
    get(
        "/api/v1/sessions/{id}/messages",
        "The thread of one session; content is in artifacts.",
        &[TIME, PAGE],
        "messages",
        Action::Ask(lists::messages),
    ),
    get("/api/v1/sessions/{id}/tree", "One session with its descendants.", &[], "tree", Action::Ask(sessions::tree)),
    get(
        "/api/v1/sessions/{id}/cost",
        "What one session cost, alone and with its descendants.",
        &[],
        "cost_of_session",
        Action::Ask(sessions::cost),
    ),
    get(
        "/api/v1/spans",
        "Spans, by start.",
        &[OF_SESSION, OVERLAPS, TIME, SESSIONS, PAGE],
        "spans",
        Action::Ask(lists::spans),
    ),
    get(
        "/api/v1/timeline",
        "Lanes: sessions over time with their spans in columns, their waits and their states; latest first.",
        &[FAMILY, CHANGED, TIME, SESSIONS, PAGE],
        "timeline",
        Action::Ask(timeline::timeline),
    ),
    get(
        "/api/v1/costs",
        "Tokens and cost summed up, largest cost first.",
        &[BY, SESSIONS, TIME, PAGE],
        "costs",
        Action::Ask(sessions::costs),
    ),
    get(
        "/api/v1/rate",
        "Tokens and cost per minute over a sliding window.",
        &[WINDOW],
        "rate",
        Action::Ask(lists::rate),
    ),
    get(
        "/api/v1/findings",
        "What is wrong or incomplete in the record.",
        &[OF_SESSION, FINDING, PAGE],
        "findings",
        Action::Ask(lists::findings),
    ),
    get(
        "/api/v1/budgets",
        "Budgets, and what is used of them.",
        &[OF_SESSION, PAGE],
        "budgets",
        Action::Ask(budgets::list),
    ),
    post(
        "/api/v1/artifacts",
        "Give content: redacted, then hashed; the answer names the id to put into events.",
        &[],
        "artifact",
        Action::Give(giving::artifact),
    ),
    get("/api/v1/artifacts/{sha256}", "Content by its hash, verified.", &[], "content", Action::Ask(lists::artifact)),
    post(
        "/api/v1/sql",
        "Ask in SQL: read-only, bounded in rows, time and memory. Answers 501 where the query engine is not built in.",
        &[],
        "sql",
        Action::Query,
    ),
    get(
        "/api/v1/stream",
        "Events as they are recorded, as server-sent events; `Last-Event-ID` or `from_seq` resumes.",
        &[OF_SESSION, KIND, FROM_SEQ, SESSIONS],
        "stream",
        Action::Follow,
    ),
    get("/healthz", "Whether the server is alive.", &[], "health", Action::Tell(health::alive)),
    get("/readyz", "Whether events can be recorded now.", &[], "health", Action::Tell(health::ready)),
    get("/metrics", "Numbers about the server, for Prometheus.", &[], "metrics", Action::Tell(health::metrics)),
    get("/openapi.json", "This description.", &[], "openapi", Action::Tell(openapi::answer)),
    get("/", "The page.", &[], "page", Action::Show(&page::INDEX)),
    get("/app.js", "The page's script.", &[], "page", Action::Show(&page::SCRIPT)),
    get("/app.css", "The page's style.", &[], "page", Action::Show(&page::STYLE)),
    get("/icon.svg", "The page's icon.", &[], "page", Action::Show(&page::ICON)),
];

/// Every route as its port (`http` or `grpc`), method and path, for whoever wants to look at all of them.
pub fn all_routes() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ROUTES.iter().map(|route| (route.port.as_str(), route.method.as_str(), route.path))
}

/// A route, and the parts of the path that its braces took.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) captures: Vec<(&'static str, String)>,
}

/// What the table says to a method and a path.
#[derive(Debug)]
pub(crate) enum Lookup {
    Found(Found),
    /// The path has other methods.
    WrongMethod(String),
    Nothing,
}

/// Finds the route of a request.
pub(crate) fn find(port: Port, method: &Method, path: &str) -> Lookup {
    let mut methods = Vec::new();
    for route in ROUTES.iter().filter(|route| route.port == port) {
        let Some(captures) = captures(route.path, path) else { continue };
        if route.method.is(method) {
            return Lookup::Found(Found { route, captures });
        }
        methods.push(match route.method {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
        });
    }
    if methods.is_empty() { Lookup::Nothing } else { Lookup::WrongMethod(methods.join(", ")) }
}

/// The parts of `path` that the braces of `pattern` take; `None` if it does not match.
fn captures(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut captures = Vec::new();
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted.strip_prefix('{').and_then(|wanted| wanted.strip_suffix('}')) {
            Some(name) => captures.push((name, percent_decoded(part).filter(|part| !part.is_empty())?)),
            None if wanted == part => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(captures)
}

/// A part of a path with its escapes resolved; `None` if it is no text. It is a name and never a way: a
/// slash or a dot in it means nothing.
fn percent_decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? << 4 | digit()?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_routes_are_the_same_and_no_parameter_is_named_twice() {
        let mut seen = BTreeSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.port.as_str(), route.method.as_str(), route.path)), "{route:?}");
            let names: Vec<_> = route.parameters().map(|parameter| parameter.name).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{route:?}");
        }
    }

    #[test]
    fn every_route_is_found_under_its_own_path() {
        for route in ROUTES {
            let path = route.path.replace("{id}", "0199").replace("{sha256}", "ab");
            let method = if route.method == Verb::Get { Method::GET } else { Method::POST };
            let Lookup::Found(found) = find(route.port, &method, &path) else { panic!("{route:?} is not found") };
            assert_eq!((found.route.path, found.route.method), (route.path, route.method));
            let other = if route.port == Port::Http { Port::Grpc } else { Port::Http };
            assert!(matches!(find(other, &method, &path), Lookup::Nothing), "{route:?}");
        }
    }

    #[test]
    fn paths_that_lead_nowhere() {
        for path in [
            "",
            "//",
            "/api",
            "/api/v1/sessions/",
            "/api/v1/sessions/a/b",
            "/api/v1//sessions",
            "/api/v1/sessions/a/tree/",
            "/../etc/passwd",
            "/web/app.js",
            "/app.js/..",
            "/api/v1/artifacts/..%2f..%2fetc/x",
            "/api/v1/sessions/%ff",
            "/api/v1/sessions/%4",
            "/API/v1/sessions",
        ] {
            assert!(matches!(find(Port::Http, &Method::GET, path), Lookup::Nothing), "{path}");
        }
        assert!(
            matches!(find(Port::Http, &Method::PUT, "/api/v1/events"), Lookup::WrongMethod(m) if m == "GET, HEAD, POST")
        );
        assert!(matches!(find(Port::Http, &Method::GET, "/v1/traces"), Lookup::WrongMethod(m) if m == "POST"));
        let Lookup::Found(found) = find(Port::Http, &Method::GET, "/api/v1/sessions/a%2Fb%20%C3%A4/tree") else {
            panic!()
        };
        assert_eq!(found.captures, [("id", "a/b \u{e4}".to_owned())]);
    }
}
