//! Edits of queue files that are not what they should be.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use queue::edit::{Editor, Places, Spot};

fuzz_target!(|data: &[u8]| {
    let Some((offsets, file)) = data.split_first_chunk::<8>() else { return };
    let at = |number: usize| u64::from(offsets[number]);
    let spot = |number: usize| Spot { pointer: at(number), target: at(number + 1) };
    let content = at(4).min(at(5));
    let places = Places {
        sender: at(0)..at(1),
        recipients: spot(2),
        content,
        headers: Spot { pointer: at(4).max(at(5)), target: content + 200 },
        extracted: content + 300,
        fate: spot(6),
    };
    let Ok(mut editor) = Editor::new(Cursor::new(file.to_vec()), places, 50) else { return };
    let _ = editor.insert_header(1, b"X-A: b");
    let _ = editor.change_header(1, b"X-A", b"X-A: c");
    let _ = editor.delete_header(1, b"X-A");
    let _ = editor.delete_recipient(b"a");
    let _ = editor.change_sender(&[], b"a@b", &[]);
});
