//! Named attributes (queue-files §3).

use bstr::{BStr, ByteSlice};

use crate::RecordType;

/// `create_time`: start of the queue lifetime, decimal seconds.
pub const CREATE_TIME: &str = "create_time";
/// `rewrite_context`: `local` or `remote`.
pub const REWRITE_CONTEXT: &str = "rewrite_context";
/// `encoding`: `7bit`, `8bit` or empty.
pub const ENCODING: &str = "encoding";
/// `trace_flags`: decimal bit mask of [`TRACE_PROBE`] and its like.
pub const TRACE_FLAGS: &str = "trace_flags";
/// `log_ident`: queue ID upstream.
pub const LOG_IDENT: &str = "log_ident";
/// `log_client_name`: client name to be logged.
pub const LOG_CLIENT_NAME: &str = "log_client_name";
/// `log_client_address`: client address to be logged.
pub const LOG_CLIENT_ADDRESS: &str = "log_client_address";
/// `log_client_port`: client port to be logged.
pub const LOG_CLIENT_PORT: &str = "log_client_port";
/// `log_message_origin`: `name[address]:port`, or `local`.
pub const LOG_MESSAGE_ORIGIN: &str = "log_message_origin";
/// `log_helo_name`: HELO argument to be logged.
pub const LOG_HELO_NAME: &str = "log_helo_name";
/// `log_protocol_name`: protocol to be logged.
pub const LOG_PROTOCOL_NAME: &str = "log_protocol_name";
/// `client_name`: actual client's verified name.
pub const CLIENT_NAME: &str = "client_name";
/// `reverse_client_name`: actual client's unverified name.
pub const REVERSE_CLIENT_NAME: &str = "reverse_client_name";
/// `client_address`: actual client's address.
pub const CLIENT_ADDRESS: &str = "client_address";
/// `client_port`: actual client's port.
pub const CLIENT_PORT: &str = "client_port";
/// `client_address_type`: decimal address family (2 = IPv4, 10 = IPv6).
pub const CLIENT_ADDRESS_TYPE: &str = "client_address_type";
/// `server_address`: server's end of the client's connection.
pub const SERVER_ADDRESS: &str = "server_address";
/// `server_port`: server's end of the client's connection.
pub const SERVER_PORT: &str = "server_port";
/// `helo_name`: actual HELO argument.
pub const HELO_NAME: &str = "helo_name";
/// `protocol_name`: actual protocol.
pub const PROTOCOL_NAME: &str = "protocol_name";
/// `sasl_method`: authentication method.
pub const SASL_METHOD: &str = "sasl_method";
/// `sasl_username`: authenticated user.
pub const SASL_USERNAME: &str = "sasl_username";
/// `sasl_sender`: AUTH parameter of MAIL FROM.
pub const SASL_SENDER: &str = "sasl_sender";
/// `envelope_id`: DSN ENVID, decoded.
pub const ENVELOPE_ID: &str = "envelope_id";
/// `ret_flags`: 1 = FULL, 2 = HDRS.
pub const RET_FLAGS: &str = "ret_flags";
/// `notify_flags`: DSN NOTIFY bits of the next recipient.
pub const NOTIFY_FLAGS: &str = "notify_flags";
/// `dsn_orig_rcpt`: `type;address` of the next recipient, address decoded.
pub const DSN_ORIGINAL_RECIPIENT: &str = "dsn_orig_rcpt";

/// `trace_flags`: address probe by the mail system.
pub const TRACE_PROBE: u32 = 256;
/// `trace_flags`: `sendmail -bv`.
pub const TRACE_VERIFY_ONLY: u32 = 512;
/// `trace_flags`: `sendmail -v`.
pub const TRACE_RECORD: u32 = 1024;
/// `trace_flags`: a "delayed delivery" record was sent.
pub const TRACE_DELAYED: u32 = 8192;

/// The record type whose place the attribute takes, for the five names that have one (§3.2).
pub fn mapped_type(name: &[u8]) -> Option<RecordType> {
    match name {
        b"dsn_orig_rcpt" => Some(RecordType::DSN_ORIGINAL_RECIPIENT),
        b"notify_flags" => Some(RecordType::DSN_NOTIFY),
        b"envelope_id" => Some(RecordType::DSN_ENVELOPE_ID),
        b"ret_flags" => Some(RecordType::DSN_RET),
        b"create_time" => Some(RecordType::CREATE_TIME),
        _ => None,
    }
}

/// What a record means: a mapped attribute becomes its pseudo type with the bare value; any other record stays (§3.2).
pub fn resolve(record_type: RecordType, payload: &[u8]) -> (RecordType, &BStr) {
    if record_type == RecordType::ATTRIBUTE
        && let Ok((name, value)) = text::split_name_value(payload)
        && let Some(mapped) = mapped_type(name)
    {
        return (mapped, value.as_bstr());
    }
    (record_type, payload.as_bstr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_attributes_become_their_pseudo_type() {
        let resolved = resolve(RecordType::ATTRIBUTE, b"notify_flags=2");
        assert_eq!(resolved, (RecordType::DSN_NOTIFY, b"2".as_bstr()));
        let other = resolve(RecordType::ATTRIBUTE, b"encoding=8bit");
        assert_eq!(other, (RecordType::ATTRIBUTE, b"encoding=8bit".as_bstr()));
        assert_eq!(resolve(RecordType::TEXT, b"notify_flags=2").0, RecordType::TEXT);
    }
}
