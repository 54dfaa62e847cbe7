//! Requests as real emitters sent them, decoded and written again.

use std::collections::BTreeSet;

use flightrec_ingest::otlp::model::LogsRequest;
use flightrec_ingest::otlp::{self, Encoding};

use crate::captures::{self, ALL};

fn log_records(requests: &[LogsRequest]) -> usize {
    let scopes = requests.iter().flat_map(|request| &request.resource_logs).flat_map(|resource| &resource.scope_logs);
    scopes.map(|scope| scope.log_records.len()).sum()
}

#[test]
fn every_capture_decodes_to_the_spans_and_log_records_that_were_sent() {
    for capture in ALL {
        let traces = captures::traces(capture.name);
        let logs = captures::logs(capture.name);
        let ids: BTreeSet<_> = captures::spans(&traces).map(|span| &span.trace_id).collect();
        assert_eq!(captures::spans(&traces).count(), capture.spans, "{}", capture.name);
        assert_eq!(ids.len(), capture.traces, "{}", capture.name);
        assert_eq!(log_records(&logs), capture.logs, "{}", capture.name);
        for span in captures::spans(&traces) {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            assert!(span.start_time_unix_nano > 0 && span.end_time_unix_nano >= span.start_time_unix_nano);
        }
    }
}

#[test]
fn every_capture_survives_being_written_in_both_encodings() {
    for capture in ALL {
        for request in captures::traces(capture.name) {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let bytes = otlp::encode_traces(&request, encoding);
                assert_eq!(Encoding::sniff(&bytes), encoding);
                assert_eq!(otlp::traces(&bytes, encoding).unwrap(), request, "{}", capture.name);
            }
        }
        for request in captures::logs(capture.name) {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let bytes = otlp::encode_logs(&request, encoding);
                assert_eq!(Encoding::sniff(&bytes), encoding);
                assert_eq!(otlp::logs(&bytes, encoding).unwrap(), request, "{}", capture.name);
            }
        }
    }
}

#[test]
fn the_encoding_of_every_capture_is_told_from_its_bytes() {
    for capture in ALL {
        for request in captures::requests(capture.name) {
            assert_eq!(Encoding::sniff(&request.body), request.encoding, "{}", capture.name);
        }
    }
}
