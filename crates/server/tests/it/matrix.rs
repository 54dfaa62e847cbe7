//! What must hold on every route that there is, and on each that will be: the routes are taken from their table.

use std::collections::BTreeSet;

use flightrec_server::all_routes;

use super::client::{Connection, Response, ask, head};
use super::served::{JSON, Served, small_world};

const MARK: &str = "<script>alert(4711)</script>";

/// Every path over HTTP with its methods, something in place of the braces.
fn paths(fill: &str) -> Vec<(String, BTreeSet<&'static str>)> {
    let mut paths: Vec<(String, BTreeSet<&'static str>)> = Vec::new();
    for (_, method, path) in all_routes().filter(|(port, ..)| *port == "http") {
        let path = path.replace("{id}", fill).replace("{sha256}", fill);
        match paths.iter_mut().find(|(other, _)| *other == path) {
            Some((_, methods)) => {
                methods.insert(method);
            }
            None => paths.push((path, BTreeSet::from([method]))),
        }
    }
    assert!(paths.len() > 25);
    paths
}

/// The answer to a request, its body read to the end unless it is a live stream.
#[track_caller]
fn answer(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut connection = Connection::open(served.http);
    connection.request(method, path, headers, body);
    let is_stream = path.starts_with("/api/v1/stream") && method == "GET";
    let has_no_body = method == "HEAD" || is_stream;
    let answer = if has_no_body { connection.head() } else { connection.answer() };
    answer.unwrap_or_else(|| panic!("{method} {path} was not answered"))
}

#[test]
fn no_route_has_a_method_that_its_table_does_not_name() {
    let served = Served::new();
    served.record(&small_world(2));
    let before = served.events();
    let mut cases = 0;
    for (path, methods) in paths("s-1") {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "QUERY"]
        {
            let is_known = methods.contains(method) || (method == "HEAD" && methods.contains("GET"));
            // Neither a header nor a parameter makes one method another.
            let overridden = [("x-http-method-override", "POST"), ("x-method-override", "POST"), JSON];
            let asked = answer(&served, method, &path, &overridden, b"");
            assert_eq!(asked.status == 405, !is_known, "{method} {path}: {}", asked.status);
            if !is_known {
                let allowed = asked.header("allow").unwrap();
                let named = allowed.split(", ").filter(|name| *name != "HEAD");
                assert_eq!(named.collect::<BTreeSet<_>>(), methods, "{path}");
            }
            cases += 1;
        }
    }
    assert!(cases >= 300, "{cases}");
    assert_eq!(served.events(), before, "nothing was recorded by the way");
}

#[test]
fn no_answer_repeats_what_a_page_could_run() {
    let served = Served::new();
    served.record(&small_world(2));
    let marked = "%3Cscript%3Ealert(4711)%3C/script%3E";
    let split = "x%0d%0aset-cookie:%20a=4711%0d%0a%0d%0a";
    let mut cases = 0;
    for fill in ["s-1", marked, split] {
        for (path, methods) in paths(fill) {
            for query in [
                String::new(),
                format!("?{marked}=1"),
                format!("?session={marked}&role={marked}"),
                format!("?cursor={marked}"),
                format!("?since={split}"),
                format!("?limit={split}"),
            ] {
                let headers = [
                    ("referer", MARK),
                    ("user-agent", MARK),
                    ("cookie", MARK),
                    ("accept", MARK),
                    ("x-forwarded-host", MARK),
                    ("content-type", MARK),
                    ("if-none-match", MARK),
                ];
                for method in &methods {
                    let asked = answer(&served, method, &format!("{path}{query}"), &headers, MARK.as_bytes());
                    let what = format!("{method} {path}{query}: {}", asked.text());
                    let media_type = asked.header("content-type").unwrap_or("");
                    // The page and its icon are the same for everybody.
                    let is_page = asked.status == 200 && !path.starts_with("/api") && !asked.text().contains("4711");
                    assert!(is_page || !asked.text().contains("<script>"), "{what}");
                    assert!(is_page || !media_type.contains("html") && !media_type.contains("xml"), "{what}");
                    assert!(asked.status == 200 || !asked.text().contains("set-cookie: a=4711\r"), "{what}");
                    assert_eq!(asked.header("x-content-type-options"), Some("nosniff"), "{what}");
                    for name in ["set-cookie", "location", "refresh", "link"] {
                        assert_eq!(asked.header(name), None, "{name} {what}");
                    }
                    assert!(asked.status < 500 || asked.status == 501, "{} {what}", asked.status);
                    cases += 1;
                }
            }
        }
    }
    assert!(cases >= 300, "{cases}");
}

#[test]
fn a_body_where_none_belongs_changes_nothing() {
    let served = Served::new();
    served.record(&small_world(2));
    let before = served.events();
    for (path, methods) in paths("s-1").into_iter().filter(|(_, methods)| methods.contains("GET")) {
        assert!(!path.contains("stream") || methods.len() == 1);
        if path.contains("/stream") {
            continue;
        }
        let plain = answer(&served, "GET", &path, &[], b"");
        let with_body = ask(served.http, "GET", &path, &[("content-length", "5"), JSON], b"[{}]\n");
        assert_eq!(
            (with_body.status, with_body.header("content-type")),
            (plain.status, plain.header("content-type")),
            "{path}"
        );
        // More than anybody may send, and never sent: the answer does not wait for it.
        let mut connection = Connection::open(served.http);
        connection
            .send(format!("{}content-length: 99999999999999\r\n\r\n", head("GET", &path, "localhost", &[])).as_bytes());
        assert_eq!(connection.head().map(|answer| answer.status), Some(plain.status), "{path}");
    }
    assert_eq!(served.events(), before);
}

#[test]
fn forms_of_other_pages_reach_no_route_that_takes_something() {
    let served = Served::new();
    let mut posts = 0;
    for (path, _) in paths("s-1").into_iter().filter(|(_, methods)| methods.contains("POST")) {
        posts += 1;
        // What a form may send without being asked first.
        for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
            for origin in ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:1"] {
                for site in ["cross-site", "same-site", "same-origin"] {
                    let headers = [("content-type", form), ("origin", origin), ("sec-fetch-site", site)];
                    let asked = answer(&served, "POST", &path, &headers, b"[]");
                    assert_eq!(asked.status, 403, "{path} {form} {origin}");
                }
            }
        }
    }
    assert!(posts >= 6, "{posts}");
    assert!(served.intake.seen().is_empty());
    assert_eq!(served.events(), 0);
}

#[test]
fn no_body_is_too_large_for_a_clean_refusal() {
    let served = Served::with(|options| options.limits.max_body_bytes = 1_000);
    for (path, _) in paths("s-1").into_iter().filter(|(_, methods)| methods.contains("POST")) {
        let media_type = if path.starts_with("/v1/") { "application/x-protobuf" } else { "application/json" };
        // A build without the query engine says so before it looks at the query.
        let refusals: &[u16] = if path == "/api/v1/sql" { &[413, 501] } else { &[413] };
        let large = answer(&served, "POST", &path, &[("content-type", media_type)], &vec![b' '; 2_000_000]);
        assert!(refusals.contains(&large.status), "{path}: {}", large.status);
        let announced = [("content-type", media_type), ("content-length", "18446744073709551615")];
        let asked = answer(&served, "POST", &path, &announced, b"");
        assert!(refusals.contains(&asked.status) || [400, 431].contains(&asked.status), "{path}: {}", asked.status);
    }
    served.get("/healthz").status(200);
    assert_eq!(served.events(), 0);
}

#[test]
fn names_in_paths_lead_nowhere_else() {
    let served = Served::new();
    served.record(&small_world(2));
    for fill in [
        "..",
        "%2e%2e",
        "..%2f..%2fSTORE",
        "%2fetc%2fpasswd",
        "..%5c..",
        "%00",
        "s-1%00",
        "%ff",
        "%",
        "%zz",
        "s-1%2f..%2fs-2",
    ] {
        for (path, methods) in paths(fill).into_iter().filter(|(path, _)| path.contains(fill)) {
            for method in &methods {
                let asked = answer(&served, method, &path, &[JSON], b"");
                assert!([400, 404, 405, 415].contains(&asked.status), "{method} {path}: {}", asked.status);
                assert!(!asked.text().contains("root:") && !asked.text().contains("\"session_id\""), "{path}");
            }
        }
    }
}
