//! `compose!`: a choice of boxes becomes a type.

/// Makes an allocator type of a choice of boxes, with its statics and its thread word.
///
/// The string names the thread word's symbol: unique in the program. Every box is named by its type;
/// the pool's first value is its [`Fresh`](crate::parts::contract::Fresh) one.
#[macro_export]
macro_rules! compose {
    (
        $(#[$meta:meta])*
        $vis:vis $name:ident, $symbol:literal {
            classes: $classes:ty,
            front: $front:ty,
            counters: $counters:ty,
            page: $page:ty,
            pool: $pool:ty $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis type $name = $crate::Allocator<composition::Composed>;

        #[doc(hidden)]
        pub mod composition {
            use super::*;

            /// The boxes of this composition.
            #[derive(Debug)]
            pub struct Composed;

            /// The empty heaps of threads that have no heap yet, and of those that had one.
            #[repr(transparent)]
            struct Nobody([$crate::Heap<Composed>; 2]);

            // SAFETY: they are never written.
            unsafe impl Sync for Nobody {}

            /// What the threads share.
            #[repr(transparent)]
            struct Everybody($crate::Shared<Composed>);

            // SAFETY: the shared boxes are made for any thread at any time; their seams say so.
            unsafe impl Sync for Everybody {}

            static EMPTY: Nobody = Nobody([$crate::Heap::EMPTY, $crate::Heap::EMPTY]);
            static SHARED: Everybody = Everybody($crate::Shared::new(
                // SAFETY: the value goes into this static, where it stays.
                unsafe { <$pool as $crate::parts::contract::Fresh>::FRESH.place() },
            ));

            // A library that carries an allocator may be unloaded while threads live that used it,
            // and the C library would call an exit hook that is gone. At the end of a process this
            // runs, too, and does no harm: threads that end after it leave their heaps to nobody.
            $crate::parts::tls_bind::at_unload! { UNLOAD = || SHARED.0.unload() }

            $crate::parts::tls_bind::thread_word! {
                /// The thread's heap.
                pub struct Word: $crate::Heap<Composed> = EMPTY, $symbol
            }

            // SAFETY: the statics are private to this module, and the word starts as `EMPTY`.
            unsafe impl $crate::Boxes for Composed {
                type Classes = $classes;
                type Front = $front;
                type Counters = $counters;
                type Page = $page;
                type Pool = $pool;
                type Word = Word;

                const AT_UNLOAD: Option<&'static extern "C" fn()> = Some(&UNLOAD);

                #[inline(always)]
                fn shared() -> &'static $crate::Shared<Self> {
                    &SHARED.0
                }
            }
        }
    };
}
