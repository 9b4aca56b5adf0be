//! From a list of promises to tests, and to a table.

/// One promise of a suite: its name, and a check that panics when it is broken.
#[derive(Clone, Copy, Debug)]
pub struct Promise<Case> {
    /// The test's name.
    pub name: &'static str,
    /// Panics if the box breaks it.
    pub check: fn(&Case),
}

/// A `#[test]` for each name: a function of module `$suite`, generic over the box.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($suite:ident [$box:ty] [$case:expr] $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                $crate::$suite::$promise::<$box>(&$case);
            }
        )*
    };
}

/// The tests of each word, from the lists of macro `$lists`.
#[doc(hidden)]
#[macro_export]
macro_rules! __words {
    ($lists:ident $box:tt $case:tt) => {};
    ($lists:ident $box:tt $case:tt $word:ident $($more:ident)*) => {
        $crate::$lists! { $word __tests $box $case }
        $crate::__words! { $lists $box $case $($more)* }
    };
}

/// An array of [`Promise`]s.
#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    ($suite:ident [$box:ty] [$case:ty] $($promise:ident)*) => {
        [$(
            $crate::Promise::<$case> {
                name: ::core::stringify!($promise),
                check: $crate::$suite::$promise::<$box>,
            }
        ),*]
    };
}
