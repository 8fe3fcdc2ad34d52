//! Random numbers from the kernel.

use std::io;

/// A number that nobody can guess.
///
/// # Errors
/// What getrandom(2) reports; there is no other source.
pub fn number() -> io::Result<u64> {
    let mut bytes = [0u8; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the pointer and length are those of a live buffer.
        let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(got) {
            Ok(count) => filled += count,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(u64::from_ne_bytes(bytes))
}

/// Puts items into an order that nobody can guess.
///
/// # Errors
/// As [`number`]; the order is then partly the old one.
pub fn shuffle<T>(items: &mut [T]) -> io::Result<()> {
    for last in (1..items.len()).rev() {
        let other = number()? % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(last));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_and_nothing_is_lost() {
        assert_ne!(number().unwrap(), number().unwrap());
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut items).unwrap();
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
