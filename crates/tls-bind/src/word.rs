//! The thread's word: the address of its heap, or of the empty heap.
//!
//! `#[thread_local]` is unstable, and `thread_local!` in a shared library goes through
//! `__tls_get_addr`, which may allocate. So the word is defined and read in assembly, in the
//! initial-exec model: two loads in a shared library, and in an executable the linker turns the
//! first one into a constant. It costs eight bytes of static TLS. Other targets use
//! `thread_local!` with a constant initialiser and no destructor.
//!
//! The word starts as the address of the empty heap, so nobody asks "initialised?".

pub use hakmem_contract::ThreadWord;

/// Defines a [`ThreadWord`] with the best access that the target has.
///
/// `thread_word! { struct Word: Heap = EMPTY, "symbol" }`, where `EMPTY` is a static that begins with
/// the empty heap, and `"symbol"` is unique in the program.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[macro_export]
macro_rules! thread_word {
    ($($body:tt)*) => { $crate::thread_word_asm! { $($body)* } };
}

/// Defines a [`ThreadWord`] with the best access that the target has.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[macro_export]
macro_rules! thread_word {
    ($($body:tt)*) => { $crate::thread_word_std! { $($body)* } };
}

/// [`thread_word!`] in assembly: x86-64 ELF, initial-exec.
#[macro_export]
macro_rules! thread_word_asm {
    ($(#[$meta:meta])* $vis:vis struct $name:ident: $heap:ty = $empty:path, $symbol:expr) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $name;

        $crate::arch::global_asm!(
            ".pushsection .tdata,\"awT\",@progbits",
            ".balign 8",
            concat!(".globl ", $symbol),
            concat!(".hidden ", $symbol),
            concat!(".type ", $symbol, ", @object"),
            concat!(".size ", $symbol, ", 8"),
            concat!($symbol, ":"),
            ".quad {empty}",
            ".popsection",
            empty = sym $empty,
        );

        // SAFETY: each thread's copy of the symbol starts as the address of the empty heap, and
        // `get` is not `pure`, so it is not folded.
        unsafe impl $crate::ThreadWord for $name {
            type Heap = $heap;

            #[inline(always)]
            fn get() -> *mut $heap {
                let heap: *mut $heap;
                // SAFETY: reads the thread's own eight bytes of static TLS.
                unsafe {
                    $crate::arch::asm!(
                        concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                        "mov {0}, qword ptr fs:[{0}]",
                        out(reg) heap,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                heap
            }

            #[inline]
            fn empty() -> *mut $heap {
                (&raw const $empty).cast_mut().cast()
            }

            #[inline]
            fn set(heap: *mut $heap) {
                // SAFETY: writes the thread's own eight bytes of static TLS.
                unsafe {
                    $crate::arch::asm!(
                        concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                        "mov qword ptr fs:[{0}], {1}",
                        out(reg) _,
                        in(reg) heap,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
    };
}

/// [`thread_word!`] by way of the standard library, for every other target.
#[macro_export]
macro_rules! thread_word_std {
    ($(#[$meta:meta])* $vis:vis struct $name:ident: $heap:ty = $empty:path, $symbol:expr) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $name;

        const _: () = {
            extern crate std;

            std::thread_local! {
                static WORD: core::cell::Cell<*mut $heap> =
                    const { core::cell::Cell::new((&raw const $empty).cast_mut().cast()) };
            }

            // SAFETY: the cell has no destructor, so it can be used as long as the thread lives,
            // and starts as the address of the empty heap.
            unsafe impl $crate::ThreadWord for $name {
                type Heap = $heap;

                #[inline]
                fn get() -> *mut $heap {
                    WORD.with(core::cell::Cell::get)
                }

                #[inline]
                fn empty() -> *mut $heap {
                    (&raw const $empty).cast_mut().cast()
                }

                #[inline]
                fn set(heap: *mut $heap) {
                    WORD.with(|word| word.set(heap));
                }
            }
        };
    };
}
