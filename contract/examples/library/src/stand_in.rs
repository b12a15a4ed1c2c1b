//! What stands behind the surface while the build runs it: a shelf with one book, which can be told to refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::api::{Book, Genre, NewBook, Refusal, Shelf};

/// The token that the stand-in knows.
pub const TOKEN: &str = "librarian";

/// Every refusal, with the method that raises it.
const REFUSALS: [(&str, Refusal); 5] = [
    ("add", Refusal::Taken),
    ("get", Refusal::NoSuchBook),
    ("add", Refusal::Closed),
    ("list", Refusal::Closed),
    ("get", Refusal::Closed),
];

#[derive(Clone, Default)]
pub struct StandIn {
    /// 0, or one more than the index of the refusal to raise.
    failure: Arc<AtomicUsize>,
}

impl StandIn {
    pub fn failures() -> Vec<String> {
        REFUSALS.iter().map(|(method, refusal)| format!("{method}: {refusal:?}")).collect()
    }

    pub fn fail(&self, failure: Option<usize>) {
        self.failure.store(failure.map_or(0, |index| index + 1), Ordering::Relaxed);
    }

    fn enter(&self, method: &str) -> Result<(), Refusal> {
        let told = self.failure.load(Ordering::Relaxed).checked_sub(1).and_then(|index| REFUSALS.get(index));
        match told {
            Some((failing, refusal)) if *failing == method => Err(*refusal),
            _ => Ok(()),
        }
    }
}

impl Shelf for StandIn {
    fn is_librarian(&self, token: &str) -> bool {
        token == TOKEN
    }

    fn add(&self, book: NewBook) -> Result<Book, Refusal> {
        self.enter("add")?;
        let NewBook { title, isbn, genre, copies, note } = book;
        Ok(Book { id: 7, title, isbn, genre, copies, note })
    }

    fn list(&self, _: u32, genre: Option<Genre>) -> Result<Vec<Book>, Refusal> {
        self.enter("list")?;
        let book = book(7);
        Ok(vec![Book { genre: genre.unwrap_or(book.genre), ..book }])
    }

    fn get(&self, id: u32) -> Result<Book, Refusal> {
        self.enter("get")?;
        Ok(book(id))
    }
}

fn book(id: u32) -> Book {
    let (title, isbn) = ("Middlemarch".to_owned(), "9780141439549".to_owned());
    Book { id, title, isbn, genre: Genre::Novel, copies: 1, note: None }
}
