//! A call when the program or library that the code is part of goes away.

/// Makes a static `NAME` that has `CODE` called when this program ends, or this library is unloaded:
/// `at_unload! { NAME = || CODE }`. It does so if it is in the program, which takes a use of `NAME` that
/// is: what nobody uses, and all that `CODE` names, is left out.
#[cfg(target_os = "linux")]
#[macro_export]
macro_rules! at_unload {
    ($name:ident = || $code:expr) => {
        #[unsafe(link_section = ".fini_array")]
        static $name: extern "C" fn() = {
            extern "C" fn unload() {
                $code;
            }
            unload
        };
    };
}

/// Nothing, on other targets.
#[cfg(not(target_os = "linux"))]
#[macro_export]
macro_rules! at_unload {
    ($name:ident = || $code:expr) => {
        static $name: extern "C" fn() = {
            extern "C" fn nothing() {}
            nothing
        };
    };
}
