//! A library in memory, to show how an app is held to its spec: see `build.rs` and `src/api.rs`.

mod api;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{App, HttpServer, web};
use api::{Book, Genre, NewBook, Refusal, Shelf};
use utoipa_actix_web::AppExt;

/// The spec that the build has held this app to.
const SPEC: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.yaml"));

#[derive(Default)]
struct Memory {
    books: Mutex<Vec<Book>>,
}

impl Shelf for Memory {
    fn is_librarian(&self, token: &str) -> bool {
        std::env::var("LIBRARIAN").is_ok_and(|known| known == token)
    }

    fn add(&self, book: NewBook) -> Result<Book, Refusal> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if books.iter().any(|other| other.isbn == book.isbn) {
            return Err(Refusal::Taken);
        }
        let NewBook { title, isbn, genre, copies, note } = book;
        let id = u32::try_from(books.len()).map_err(|_| Refusal::Closed)?;
        books.push(Book { id, title, isbn, genre, copies, note });
        books.last().cloned().ok_or(Refusal::Closed)
    }

    fn list(&self, limit: u32, genre: Option<Genre>) -> Result<Vec<Book>, Refusal> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let of_genre = books.iter().rev().filter(|book| genre.is_none_or(|genre| genre == book.genre));
        Ok(of_genre.take(limit as usize).cloned().collect())
    }

    fn get(&self, id: u32) -> Result<Book, Refusal> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.get(id as usize).cloned().ok_or(Refusal::NoSuchBook)
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let shelf: Arc<dyn Shelf> = Arc::new(Memory::default());
    let server = HttpServer::new(move || {
        App::new()
            .into_utoipa_app()
            .app_data(web::Data::from(Arc::clone(&shelf)))
            .configure(api::configure)
            .into_app()
            .route("/openapi.yaml", web::get().to(|| async { SPEC }))
    });
    println!("http://127.0.0.1:8080/openapi.yaml");
    server.bind(("127.0.0.1", 8080))?.run().await
}
