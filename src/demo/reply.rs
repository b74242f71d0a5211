//! Bodies of answers, well-behaved or not.
//!
//! Responsible for handing a body to the connection step by step: at once, in pieces, cut off or
//! stalled. It leaves choosing the steps to `server`. Invariant: an announced length is announced
//! whatever becomes of the body, and the request counts as in flight until the body is gone.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::counters::InFlight;

const SLOW_PIECES: usize = 16;
const SLOW_PAUSE: Duration = Duration::from_millis(20);

/// The connection is to be closed in the middle of an answer, or instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection closed on purpose")]
pub(super) struct Cut;

type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

enum Step {
    Send(Bytes),
    /// Lets what was sent so far leave, then closes the connection.
    Flush,
    Close,
    Pause(Option<Pin<Box<Sleep>>>),
    Stall,
    Generate(Pieces),
}

/// An answer's body.
pub(super) struct Reply {
    /// Bytes announced as the content's length; `None` for chunks.
    length: Option<u64>,
    steps: VecDeque<Step>,
    in_flight: Option<InFlight>,
}

impl Reply {
    fn of(length: Option<usize>, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { length: length.map(|length| length as u64), steps: steps.into_iter().collect(), in_flight: None }
    }

    pub(super) fn whole(body: Bytes) -> Self {
        Self::of(Some(body.len()), [Step::Send(body)])
    }

    /// Half of the body, then the end of the connection.
    pub(super) fn truncated(body: &Bytes) -> Self {
        let half = body.slice(..body.len() / 2);
        let steps = [Step::Send(half), Step::Flush, Step::Close];
        Self::of(Some(body.len()), steps)
    }

    /// Half of the body, then nothing more.
    pub(super) fn stalled(body: &Bytes) -> Self {
        let half = body.slice(..body.len() / 2);
        Self::of(Some(body.len()), [Step::Send(half), Step::Stall])
    }

    /// The whole body with pauses between its pieces.
    pub(super) fn slow(mut body: Bytes) -> Self {
        let length = body.len();
        let piece = length.div_ceil(SLOW_PIECES).max(1);
        let mut steps = Vec::with_capacity(2 * SLOW_PIECES);
        while body.len() > piece {
            steps.extend([Step::Send(body.split_to(piece)), Step::Pause(None)]);
        }
        steps.push(Step::Send(body));
        Self::of(Some(length), steps)
    }

    /// Pieces of unknown total length.
    pub(super) fn generated(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self::of(None, [Step::Generate(Box::new(pieces))])
    }

    /// Counts the request as in flight until this body is gone.
    pub(super) fn during(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) if bytes.is_empty() => {}
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Flush) => {
                    // The connection writes its buffer out when a body has nothing to give.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Close) => return Poll::Ready(Some(Err(Cut))),
                Some(Step::Pause(sleep)) => {
                    let mut sleep = sleep.unwrap_or_else(|| Box::pin(tokio::time::sleep(SLOW_PAUSE)));
                    if sleep.as_mut().poll(context).is_pending() {
                        self.steps.push_front(Step::Pause(Some(sleep)));
                        return Poll::Pending;
                    }
                }
                Some(Step::Stall) => {
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                Some(Step::Generate(mut pieces)) => {
                    // Making a piece takes a while: let other connections have their turn.
                    let turn = std::pin::pin!(tokio::task::coop::consume_budget());
                    if turn.poll(context).is_pending() {
                        self.steps.push_front(Step::Generate(pieces));
                        return Poll::Pending;
                    }
                    if let Some(piece) = pieces.next() {
                        self.steps.push_front(Step::Generate(pieces));
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() || self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    /// Collects what arrives before the body ends, breaks, or has nothing to give.
    async fn frames(mut reply: Reply) -> (Vec<Bytes>, Option<Cut>) {
        let mut frames = Vec::new();
        loop {
            match tokio::time::timeout(Duration::from_mins(1), reply.frame()).await {
                Ok(Some(Ok(frame))) => frames.push(frame.into_data().unwrap()),
                Ok(Some(Err(cut))) => return (frames, Some(cut)),
                Ok(None) | Err(_) => return (frames, None),
            }
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn each_body_announces_its_whole_length() {
        let body = Bytes::from(vec![b'x'; 1_001]);
        for reply in [Reply::whole(body.clone()), Reply::truncated(&body), Reply::stalled(&body), Reply::slow(body)] {
            assert_eq!(reply.size_hint().exact(), Some(1_001));
        }
    }

    #[test]
    fn slow_bodies_arrive_whole_in_sixteen_pieces() {
        let body: Bytes = (0..=255).cycle().take(1_001).collect();
        let (pieces, cut) = runtime().block_on(frames(Reply::slow(body.clone())));
        assert_eq!((pieces.len(), cut), (16, None));
        assert_eq!(pieces.concat(), body);
        let (pieces, cut) = runtime().block_on(frames(Reply::slow(Bytes::new())));
        assert_eq!((pieces.len(), cut), (0, None));
    }

    #[test]
    fn truncated_bodies_break_off_half_way() {
        let body = Bytes::from_static(b"0123456789");
        let (pieces, cut) = runtime().block_on(frames(Reply::truncated(&body)));
        assert_eq!((pieces.concat(), cut), (b"01234".to_vec(), Some(Cut)));
    }

    #[test]
    fn generated_bodies_have_no_announced_length() {
        let pieces = ["a", "b", "c"].map(Bytes::from);
        let reply = Reply::generated(pieces.into_iter());
        assert_eq!(reply.size_hint().exact(), None);
        let (pieces, cut) = runtime().block_on(frames(reply));
        assert_eq!((pieces.concat(), cut), (b"abc".to_vec(), None));
    }
}
