//! The JSON form of an event, one object without spaces.

use crate::event::Event;
use crate::json::{write_str, write_u64};
use crate::time::Timestamp;
use crate::value::{Value, write_key};

impl Event {
    /// Appends the event as one JSON object. `stored` gives `seq` and `recorded_at`; with it absent
    /// envelope fields print as null, without it they are left out, as a client would send them.
    pub fn write_json(&self, out: &mut Vec<u8>, stored: Option<(u64, Timestamp)>) {
        out.push(b'{');
        write_key(out, "event_id");
        self.event_id.write(out);
        write_key(out, "code");
        write_str(out, self.code());
        write_key(out, "type");
        write_str(out, self.type_name());
        write_key(out, "timestamp");
        self.timestamp.write(out);
        write_key(out, "actor");
        self.actor.write(out);
        let nulls = stored.is_some();
        write_field(out, "actor_id", self.actor_id.as_ref(), nulls);
        write_field(out, "trace_id", self.trace_id.as_ref(), nulls);
        write_field(out, "job_id", self.job_id.as_ref(), nulls);
        write_field(out, "workflow_id", self.workflow_id.as_ref(), nulls);
        write_field(out, "model_id", self.model_id.as_ref(), nulls);
        write_field(out, "model_session_id", self.model_session_id.as_ref(), nulls);
        write_field(out, "activity_span_id", self.activity_span_id.as_ref(), nulls);
        write_field(out, "session_span_id", self.session_span_id.as_ref(), nulls);
        write_field(out, "wsids", self.wsids.as_ref(), nulls);
        write_field(out, "capability_id", self.capability_id.as_ref(), nulls);
        write_field(out, "policy_decision_id", self.policy_decision_id.as_ref(), nulls);
        write_key(out, "payload");
        self.payload.write(out);
        if let Some((seq, recorded_at)) = stored {
            write_key(out, "seq");
            write_u64(out, seq);
            write_key(out, "recorded_at");
            recorded_at.write(out);
        }
        out.push(b'}');
    }
}

fn write_field<T: Value>(out: &mut Vec<u8>, name: &str, value: Option<&T>, null: bool) {
    if let Some(value) = value {
        write_key(out, name);
        value.write(out);
    } else if null {
        write_key(out, name);
        out.extend_from_slice(b"null");
    }
}
