//! How many of the bytes that a client sends actix is given.
//!
//! actix makes requests of all that it has before it answers one, and some bytes of a request become kilobytes; and of a body in chunks it keeps each
//! chunk, be it of one byte. So it is given one request at a time: no further than to the end of a head until it has looked at that, then
//! the body that the head announces, and nothing more until the answer is made. Nothing behind the last request of a connection
//! becomes a request, either.
//!
//! This room knows where a message may end, by the empty line that ends every head and every body in chunks (RFC 9112, sections 2.1 and 7.1), and by the
//! length of every other body. It parses nothing: where it takes for an end what is none, a client is slower by a turn.

use std::ops::ControlFlow;

use memchr::memchr;

/// How many bytes of a body in chunks there are before whoever reads the body has taken the earlier ones.
const CHUNKS: usize = 32 * 1024;

/// The body that follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Of so many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// What may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Up to the end of a head.
    Head,
    /// The end of what may be a head has passed, and then so many bytes in which none ends. `shut`: what comes next ends another.
    Behind { bytes: u64, shut: bool },
    /// Of a body, so many bytes.
    Body { left: u64 },
    /// Of a body in chunks, so many bytes, or up to an empty line.
    Chunks { left: usize },
    /// Nothing, until the request is answered.
    End,
}

/// Lets the bytes of one request pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    position: Position,
    lines: Lines,
}

impl Default for Gate {
    fn default() -> Self {
        Self { position: Position::Head, lines: Lines::default() }
    }
}

impl Gate {
    /// Whether nothing may pass.
    pub(super) fn is_shut(self) -> bool {
        matches!(
            self.position,
            Position::Behind { shut: true, .. } | Position::Chunks { left: 0 } | Position::End
        )
    }

    /// How many of `bytes`, which come next, pass.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        match self.position {
            Position::Head => self.pass_head(bytes),
            Position::Behind { bytes: behind, .. } => {
                let mut lines = self.lines;
                let shut = lines.end(bytes).is_break();
                let passed = if shut { 0 } else { bytes.len() };
                if !shut {
                    self.lines = lines;
                }
                self.position = Position::Behind { bytes: behind + passed as u64, shut };
                passed
            }
            Position::Body { left } => {
                let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.position = Position::Body { left: left - passed as u64 };
                if left == passed as u64 {
                    self.lines = Lines::default();
                    self.position = Position::End;
                }
                passed
            }
            Position::Chunks { left } => {
                let some = &bytes[..bytes.len().min(left)];
                let (passed, left) = match self.lines.end(some) {
                    ControlFlow::Break(end) => (end + blank(&some[end..]), 0),
                    ControlFlow::Continue(()) => (some.len(), left - some.len()),
                };
                self.position = Position::Chunks { left };
                passed
            }
            Position::End => 0,
        }
    }

    /// What follows the head passes with it if it ends nothing: it may be a body, for which there is no second turn then.
    fn pass_head(&mut self, bytes: &[u8]) -> usize {
        let ControlFlow::Break(end) = self.lines.end(bytes) else { return bytes.len() };
        let behind = end + blank(&bytes[end..]);
        let mut lines = self.lines;
        let shut = lines.end(&bytes[behind..]).is_break();
        let passed = if shut { behind } else { bytes.len() };
        if !shut {
            self.lines = lines;
        }
        self.position = Position::Behind { bytes: (passed - end) as u64, shut };
        passed
    }

    /// Another head may come: the answer is made, or actix has looked at what it was given and answers nothing. What is left of a body of some
    /// length still is none of a head.
    pub(super) fn go_on(&mut self) {
        match self.position {
            Position::Behind { .. } | Position::Chunks { .. } | Position::End => {
                self.position = Position::Head;
            }
            Position::Head | Position::Body { .. } => {}
        }
    }

    /// A request is being answered.
    pub(super) fn answer(&mut self, framing: Framing) {
        let behind = match self.position {
            Position::Behind { bytes, .. } => bytes,
            _ => 0,
        };
        self.position = match framing {
            Framing::Length(length) if length > behind => Position::Body { left: length - behind },
            Framing::Length(_) => Position::End,
            Framing::Chunked => Position::Chunks { left: CHUNKS },
        };
    }

    /// Whoever reads a body in chunks has taken all that there is.
    pub(super) fn more(&mut self) {
        if let Position::Chunks { left } = &mut self.position {
            *left = CHUNKS;
        }
    }

    /// A body in chunks has come to its end.
    pub(super) fn body_ended(&mut self) {
        if let Position::Chunks { .. } = self.position {
            self.position = Position::End;
        }
    }
}

/// How many bytes of nothing but empty lines come next. They pass with the end before them: alone they end no other head, and one turn for each
/// would cost thousands of times what it costs to send them.
fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Where the lines of a client are empty.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    /// Whether a line has begun, and has nothing yet that can be seen.
    empty: bool,
}

impl Lines {
    /// The first end of an empty line, if there is one in `bytes`.
    fn end(&mut self, bytes: &[u8]) -> ControlFlow<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'\n' if self.empty => return ControlFlow::Break(at),
                b'\n' => self.empty = true,
                b'\r' => {}
                _ => {
                    self.empty = false;
                    // The rest of the line.
                    at += memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A request on the wire.
    #[derive(Clone, Debug)]
    struct Sent {
        head: Vec<u8>,
        framing: Framing,
        body: Vec<u8>,
    }

    impl Sent {
        fn bytes(&self) -> impl Iterator<Item = u8> {
            [self.head.as_slice(), &self.body].concat().into_iter()
        }
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x')], 0..40)
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let heads = prop_oneof![
            Just("GET / HTTP/1.1\nHost:x\n\n"),
            Just("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Just("GET / HTTP/1.1\nHost:x\n\r\n"),
        ];
        let whole = |(head, body): (&str, Vec<u8>)| Sent {
            head: head.into(),
            framing: Framing::Length(body.len() as u64),
            body,
        };
        let chunks = |(head, chunks): (&str, Vec<Vec<u8>>)| {
            let mut body = Vec::new();
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            Sent { head: head.into(), framing: Framing::Chunked, body }
        };
        prop_oneof![(heads.clone(), body()).prop_map(whole), (heads, vec(body(), 0..4)).prop_map(chunks),]
    }

    /// What actix does: reads until there is nothing for now, then looks, and answers one request when its body is there.
    #[derive(Default)]
    struct Reader {
        gate: Gate,
        kept: Vec<u8>,
        taken: usize,
    }

    impl Reader {
        /// Takes what comes in pieces of these sizes, until the gate is shut or all has come.
        fn read(&mut self, wire: &[u8], sizes: &mut impl Iterator<Item = usize>) -> bool {
            let before = self.taken;
            while !self.gate.is_shut() {
                if self.kept.is_empty() {
                    let come =
                        self.taken..wire.len().min(self.taken + sizes.next().expect("sizes without end"));
                    if come.is_empty() {
                        break;
                    }
                    self.kept = wire[come].to_vec();
                }
                let passed = self.gate.pass(&self.kept);
                self.kept.drain(..passed);
                self.taken += passed;
            }
            self.taken > before
        }
    }

    proptest! {
        #[test]
        fn one_request_passes_at_a_time_and_every_byte_of_it(
            requests in vec(sent(), 1..6),
            sizes in vec(1..60_usize, 1..8),
        ) {
            let wire: Vec<u8> = requests.iter().flat_map(Sent::bytes).collect();
            let mut sizes = sizes.into_iter().cycle();
            let mut reader = Reader::default();
            let mut begin = 0;
            for (index, request) in requests.iter().enumerate() {
                let (head, end) = (begin + request.head.len(), begin + request.head.len() + request.body.len());
                let next = requests.get(index + 1).map_or(usize::MAX, |next| end + next.head.len());
                while reader.taken < head {
                    prop_assert!(reader.read(&wire, &mut sizes), "the head of {index} does not come: {reader:?}", reader = reader.gate);
                    prop_assert!(reader.taken < next, "{} of the next passed", reader.taken - end);
                    if reader.taken < head {
                        reader.gate.go_on();
                    }
                }
                reader.gate.answer(request.framing);
                while reader.taken < end {
                    prop_assert!(reader.read(&wire, &mut sizes), "the body of {index} does not come: {reader:?}", reader = reader.gate);
                    prop_assert!(reader.taken < next, "{} of the next passed", reader.taken - end);
                    reader.gate.more();
                }
                if request.framing == Framing::Chunked {
                    prop_assert!(reader.taken <= end + blank(&wire[end..]));
                    reader.gate.body_ended();
                }
                reader.read(&wire, &mut sizes);
                prop_assert!(reader.taken < next, "{} of the next passed", reader.taken - end);
                prop_assert_eq!(reader.gate.position, Position::End);
                reader.gate.go_on();
                begin = end;
            }
            prop_assert_eq!(reader.taken, wire.len());
        }
    }

    /// How many turns `wire` takes, of which actix makes no request.
    fn turns(mut gate: Gate, wire: &[u8], turn: impl Fn(&mut Gate)) -> usize {
        let (mut rest, mut turns) = (wire, 0);
        while !rest.is_empty() {
            let passed = gate.pass(rest);
            rest = &rest[passed..];
            if gate.is_shut() || passed == 0 {
                turn(&mut gate);
                turns += 1;
            }
        }
        turns
    }

    /// Each of them took a turn, in which actix looked at all that were before it: 120 KB took seconds.
    #[test]
    fn empty_lines_take_no_turn_each() {
        let mut chunked = Gate::default();
        chunked.answer(Framing::Chunked);
        for line in ["\n", "\r\n"] {
            let lines = line.repeat(CHUNKS);
            let lines = lines.as_bytes();
            assert!(turns(Gate::default(), lines, Gate::go_on) <= 2, "before a head");
            assert!(turns(chunked, lines, Gate::more) <= lines.len() / CHUNKS, "in a chunk");
        }
    }

    #[test]
    fn no_more_of_a_body_in_chunks_passes_than_is_taken() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 46);
        gate.answer(Framing::Chunked);
        let chunks = b"1\r\nx\r\n".repeat(CHUNKS);
        assert_eq!(gate.pass(&chunks), CHUNKS);
        assert!(gate.is_shut());
        gate.more();
        assert_eq!(gate.pass(&chunks), CHUNKS);
    }
}
