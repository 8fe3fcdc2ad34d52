//! Typed keys: a parameter's name, with the type that reading it gives.

use std::marker::PhantomData;
use std::time::Duration;

use bstr::{BStr, ByteSlice};

use crate::registry::{self, Type};
use crate::value::Value;

/// A parameter that code reads. Type, default and bounds are in its registry row.
pub struct Key<K> {
    name: &'static str,
    index: usize,
    kind: PhantomData<fn() -> K>,
}

impl<K> Key<K> {
    /// The key of the parameter `name`.
    pub(crate) const fn new(name: &'static str) -> Self {
        Key { name, index: registry::constant_index(name), kind: PhantomData }
    }

    /// Where its row is in [`registry::rows`].
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// The parameter's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Key<K> {}

impl<K> std::fmt::Debug for Key<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What reading a key of a kind gives.
pub trait KeyKind {
    /// The value.
    type Value<'a>;
    /// The registry types that such keys may have.
    const TYPES: &'static [Type];
    /// Takes the value out, if it is of this kind.
    fn read(value: &Value) -> Option<Self::Value<'_>>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $value:ty = $types:expr, $pattern:pat => $read:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $kind {}

            impl KeyKind for $kind {
                type Value<'a> = $value;
                const TYPES: &'static [Type] = &$types;

                fn read(value: &Value) -> Option<Self::Value<'_>> {
                    match value {
                        $pattern => Some($read),
                        _ => None,
                    }
                }
            }
        )*
    };
}

kinds! {
    /// Text, expanded.
    Str: &'a BStr = [Type::Str], Value::Text(text) => text.as_bstr();
    /// Text, never expanded.
    Raw: &'a BStr = [Type::Raw], Value::Text(text) => text.as_bstr();
    /// Yes or no.
    Bool: bool = [Type::Bool, Type::NBool], Value::Bool(flag) => *flag;
    /// A number that fits 32 bits.
    Int: i64 = [Type::Int, Type::NInt], Value::Number(number) => *number;
    /// A number.
    Long: i64 = [Type::Long], Value::Number(number) => *number;
    /// A time, in whole seconds.
    Time: Duration = [Type::Time], Value::Time(time) => *time;
}
