use super::*;
use crate::report::Cause;
use crate::server::hub::Name;
use crate::session::Config;
use core::panic::Location;

/// A folder of its own, which is not there yet.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tcpclient-place-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Has a server tell of its failure. Returns the notes at the end of its report.
fn told(hub: &Hub) -> String {
    let mut report = hub.state_behind(Cause::Abandoned).unwrap();
    hub.add_capture(&mut report);
    let text = report.to_string();
    text.rsplit("\n\n").next().unwrap().trim().to_string()
}

fn hub(file: Option<PathBuf>, folder: Option<PathBuf>) -> Hub {
    let mut hub = Hub::new(Name::InMemory, Config::default(), Location::caller());
    hub.set_place(Place { file, folder, name: "test".into(), began: Duration::ZERO, told: Mutex::default() });
    hub
}

#[test]
fn a_failure_that_is_told_again_leaves_no_other_capture() {
    let folder = Folder::new("once");
    let hub = hub(None, Some(folder.0.clone()));
    let note = format!("captured in {}", folder.0.join("test-1.pcapng").display());
    assert_eq!([told(&hub), told(&hub)], [note.clone(), note]);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_written_any_more_is_told() {
    let folder = Folder::new("gone");
    let file = folder.0.join("test.pcapng");
    let note = told(&hub(Some(file.clone()), None));
    assert!(note.starts_with(&format!("cannot write a capture to {}: ", file.display())), "{note}");
    fs::create_dir(&folder.0).unwrap();
    assert_eq!(told(&hub(Some(file.clone()), None)), format!("captured in {}", file.display()));
}

#[test]
fn what_keeps_a_folder_or_a_file_from_being_made_is_told() {
    // No system has such a name.
    let error = write_new(Path::new("no\0folder"), "test", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let folder = Folder::new("refuses");
    let error = write_new(&folder.0, "no/file", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
