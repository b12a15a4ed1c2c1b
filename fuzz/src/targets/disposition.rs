//! `response-content-disposition`: what is accepted is one harmless header, comes back as it was, and never shows what could run.

use super::super::{World, encoded, header};
use teable_attachments::api::attachments::read::{Disposition, DispositionKind};
use teable_attachments::api::text::DISPOSITION;

thread_local! {
    static WORLD: World = World::start();
}

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let parsed = Disposition::parse(text);
    if let Some(Disposition { kind, parameters }) = &parsed {
        let word = match kind {
            DispositionKind::Inline => "inline",
            DispositionKind::Attachment => "attachment",
        };
        let again = format!("{word}{parameters}");
        assert_eq!(again, text);
        assert!(again.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{again:?}");
        assert_eq!(Disposition::parse(&again), parsed);
    }
    let fits = text.chars().count() as u64 <= DISPOSITION.max;
    let asked = |path: &str| format!("{path}?response-content-disposition={}", encoded(text));
    WORLD.with(|world| {
        let Some(answer) = world.ask("GET", &asked(&world.public.path), Vec::new()) else { return };
        if parsed.is_some() && fits {
            assert_eq!((answer.status, header(&answer, "content-disposition")), (200, text));
        } else {
            assert_eq!(answer.status, 400, "{text:?}");
        }
        let Some(answer) = world.ask("GET", &asked(&world.page.path), Vec::new()) else { return };
        if answer.status == 200 {
            assert!(header(&answer, "content-disposition").starts_with("attachment"), "{answer:?}");
        }
    });
}
