//! A call when the program or library that the code is part of goes away.

/// Has `CODE` called when this program ends, or this library is unloaded: `at_unload! { || CODE }`.
#[cfg(target_os = "linux")]
#[macro_export]
macro_rules! at_unload {
    (|| $code:expr) => {
        const _: () = {
            extern "C" fn unload() {
                $code;
            }

            #[used]
            #[unsafe(link_section = ".fini_array")]
            static UNLOAD: extern "C" fn() = unload;
        };
    };
}

/// Nothing, on other targets.
#[cfg(not(target_os = "linux"))]
#[macro_export]
macro_rules! at_unload {
    (|| $code:expr) => {};
}
