//! Request bodies that an answer does not wait for.
//!
//! The server reads on after such an answer for a bounded time, so that a client that is still
//! sending can read it, and then closes the connection - but only while the body is held. A body
//! that was dropped is read to its end instead, however long it is.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{ConnectionType, header},
};
use bytes::Bytes;
use futures::Stream;

/// A request's body, shared between the handler that reads it and the answer that may not wait.
#[derive(Clone)]
pub(crate) struct SharedBody(Rc<RefCell<State>>);

struct State {
    payload: Payload,
    is_read: bool,
}

/// An answer that holds the unread body of its request while it is sent.
struct Holding {
    body: BoxBody,
    _unread: SharedBody,
}

// === impl SharedBody ===

impl SharedBody {
    /// Shares the body of a request, if it has one.
    pub(crate) fn share(request: &mut ServiceRequest) -> Option<Self> {
        let headers = request.headers();
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || headers
                .get(header::CONTENT_LENGTH)
                .is_some_and(|length| length.as_bytes() != b"0");
        if !has_body {
            return None;
        }
        let state = State {
            payload: request.take_payload(),
            is_read: false,
        };
        let shared = Self(Rc::new(RefCell::new(state)));
        let payload = Box::pin(shared.clone());
        request.set_payload(Payload::Stream { payload });
        Some(shared)
    }

    /// Lets the answer hold what of the body was not read, and closes the connection after it.
    pub(crate) fn hold(self, mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        if self.0.borrow().is_read {
            return response;
        }
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
        response.map_body(|_, body| {
            BoxBody::new(Holding {
                body,
                _unread: self,
            })
        })
    }
}

impl Stream for SharedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.borrow_mut();
        let polled = Pin::new(&mut state.payload).poll_next(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            state.is_read = true;
        }
        polled
    }
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
