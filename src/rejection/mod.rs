//! Why a request is refused, as data, and in which words clients hear of it: pure functions.

mod challenge;
mod grpc;
mod reason;
mod respond;

pub use reason::{ErrorCode, Malformed, Reason, Rejection};
pub use respond::{Drf, Empty, Json, Respond};

#[cfg(feature = "stream")]
pub(crate) use grpc::content_type as grpc_content_type;

pub(crate) use challenge::{ChallengeFault, Challenges, is_tchar};
pub(crate) use reason::vary;
