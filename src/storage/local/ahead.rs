//! Syncing a long file while it comes. At its end its client would wait for all that the kernel had put off by then, which may be gigabytes.

use std::fs::File;
use std::io;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::spawn_blocking;

use super::disk::Slot;
use super::given_up;
use super::placing::Sync;

/// What of a file is not synced, and the sync that is under way.
///
/// No thread waits for such a sync: it runs on one of the same threads, and if all of them waited it would never have one.
pub(super) struct Ahead {
    sync: Sync,
    pub(super) unsynced: u64,
    running: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Ahead {
    /// How many bytes come together before they are synced.
    pub(super) const PIECE: u64 = 16 * 1024 * 1024;

    pub(super) fn new(sync: Sync) -> Self {
        Self { sync, unsynced: 0, running: None }
    }

    /// Records that `bytes` more of `file` are written. An error may be that of earlier bytes. A
    /// sync that runs holds `slot`.
    pub(super) fn wrote(&mut self, file: &File, bytes: u64, slot: Option<&Slot>) -> io::Result<()> {
        self.unsynced += bytes;
        if self.sync == Sync::Nothing || self.unsynced < Self::PIECE {
            return Ok(());
        }
        match self.running.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return Ok(()),
            // The kernel tells of a failure once: whoever syncs the file next is told that all is well.
            Some(Ok(synced)) => synced?,
            Some(Err(TryRecvError::Closed)) => return Err(given_up()),
            None => {}
        }
        let (file, (done, running)) = (file.try_clone()?, oneshot::channel());
        let slot = slot.cloned();
        drop(spawn_blocking(move || {
            let synced = file.sync_data();
            drop(slot);
            done.send(synced)
        }));
        (self.unsynced, self.running) = (0, Some(running));
        Ok(())
    }

    /// Waits for what is under way.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(running) => running.await.unwrap_or_else(|_| Err(given_up())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_piece_is_synced_while_more_comes_and_waited_for_at_the_end() {
        let file = tempfile::tempfile().expect("a file");
        let mut ahead = Ahead::new(Sync::File);
        ahead.wrote(&file, Ahead::PIECE - 1, None).expect("it is written");
        assert!(ahead.running.is_none());
        ahead.wrote(&file, 1, None).expect("it is written");
        assert!(ahead.running.is_some() && ahead.unsynced == 0);
        ahead.end().await.expect("it is synced");
        let mut relaxed = Ahead::new(Sync::Nothing);
        relaxed.wrote(&file, Ahead::PIECE, None).expect("it is written");
        assert!(relaxed.running.is_none());
    }

    #[actix_web::test]
    async fn what_could_not_be_synced_ahead_fails_the_upload() {
        let file = tempfile::tempfile().expect("a file");
        let failed = || {
            let (done, running) = oneshot::channel::<io::Result<()>>();
            done.send(Err(io::ErrorKind::StorageFull.into())).expect("somebody listens");
            Ahead { running: Some(running), ..Ahead::new(Sync::File) }
        };
        let while_it_comes = failed().wrote(&file, Ahead::PIECE, None).expect_err("it failed");
        let at_its_end = failed().end().await.expect_err("it failed");
        assert_eq!([while_it_comes.kind(), at_its_end.kind()], [io::ErrorKind::StorageFull; 2]);
        let (done, running) = oneshot::channel();
        drop(done);
        let mut ended = Ahead { running: Some(running), ..Ahead::new(Sync::File) };
        ended.end().await.expect_err("nobody knows what became of it");
    }
}
