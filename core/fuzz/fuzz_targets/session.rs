#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    tcpclient_fuzz::session::check(data);
});
