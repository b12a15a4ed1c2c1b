//! Request body that streams a file.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

/// Bytes read from the file at once.
const CHUNK_SIZE: usize = 64 * 1024;

/// Body with the first `remaining` bytes of a file. `on_chunk` is called with the size of each
/// chunk.
pub(super) struct FileBody<F> {
    chunks: ReaderStream<File>,
    remaining: u64,
    on_chunk: F,
}

/// The reason why the body of a request could not be produced.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Reading the file failed.
    #[error("the file cannot be read")]
    Read(#[source] std::io::Error),
    /// The file ends before the announced length.
    #[error("the file is shorter than announced")]
    TooShort,
}

impl<F: Fn(u64)> FileBody<F> {
    /// Creates a body with the first `size` bytes of `file`.
    pub(super) fn new(file: File, size: u64, on_chunk: F) -> Self {
        Self { chunks: ReaderStream::with_capacity(file, CHUNK_SIZE), remaining: size, on_chunk }
    }
}

impl<F: Fn(u64) + Unpin> Body for FileBody<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = match ready!(Pin::new(&mut self.chunks).poll_next(context)) {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Read(error)))),
            None => return Poll::Ready(Some(Err(BodyError::TooShort))),
        };
        // The file may have grown since its size was announced.
        chunk.truncate(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let length = chunk.len() as u64;
        self.remaining -= length;
        (self.on_chunk)(length);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::io::Write;

    use super::*;

    /// Returns the content of a body of `size` bytes over a file with `content`.
    async fn read(content: &[u8], size: u64) -> Result<Vec<u8>, BodyError> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content).expect("written");
        let reported = Cell::new(0);
        let file = File::open(file.path()).await.expect("it opens");
        let mut body = FileBody::new(file, size, |bytes| reported.set(reported.get() + bytes));
        assert_eq!(body.size_hint().exact(), Some(size));
        let mut data = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            data.extend_from_slice(&frame?.into_data().expect("data"));
        }
        assert_eq!(reported.get(), data.len() as u64);
        Ok(data)
    }

    #[actix_web::test]
    async fn a_body_has_the_announced_length() {
        let content = vec![7; 3 * CHUNK_SIZE + 1];
        assert_eq!(read(&content, content.len() as u64).await.expect("the file"), content);
        assert_eq!(read(b"", 0).await.expect("an empty file"), b"");
        assert_eq!(read(b"grown", 2).await.expect("the first bytes"), b"gr");
        assert!(matches!(read(b"short", 6).await, Err(BodyError::TooShort)));
    }
}
