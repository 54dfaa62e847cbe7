//! Which programs may run in a workspace, and with what first arguments.

use std::path::{Path, PathBuf};

use super::confined::{is_program, resolved};

/// One command that is allowed: a program, and the arguments that it has to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AllowedCommand {
    /// The program, as a model has to name it.
    name: String,
    leading: Vec<String>,
    /// The file that runs.
    pub(super) program: PathBuf,
}

/// Why a command cannot be allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandProblem {
    /// It names no program.
    #[error("it is empty; name a program, such as `ls` or `git status`")]
    Empty,
    /// It is written for a shell.
    #[error("there is no shell that would read `{0}`; write the program and its first arguments, separated by spaces")]
    ShellSyntax(char),
    /// Its program is a path that depends on where it is read.
    #[error("`{0}` is a relative path; give the absolute path, or a name that is found in PATH")]
    RelativePath(String),
    /// Its program does not exist.
    #[error("`{0}` is no program in any directory of PATH")]
    NotFound(String),
    /// Its program cannot be executed.
    #[error("`{}` is no file that can be executed", .0.display())]
    NotExecutable(PathBuf),
    /// Its program lies where sessions work, and was not meant by its path.
    #[error("`{}` lies in the workspace itself; if that is meant, allow it by its absolute path", .0.display())]
    InsideWorkspace(PathBuf),
}

impl AllowedCommand {
    /// Reads an entry such as `git status` and finds its program.
    pub(super) fn find(entry: &str, search: &[PathBuf], workspace: &Path) -> Result<Self, CommandProblem> {
        if let Some(found) = entry.chars().find(|c| "'\"\\$`;|&<>(){}*?~#!\n".contains(*c)) {
            return Err(CommandProblem::ShellSyntax(found));
        }
        let mut words = entry.split_whitespace().map(str::to_owned);
        let name = words.next().ok_or(CommandProblem::Empty)?;
        let program = locate(&name, search, workspace)?;
        Ok(Self { name, leading: words.collect(), program })
    }

    /// Whether this entry allows a call.
    pub(super) fn permits(&self, program: &str, arguments: &[String]) -> bool {
        self.name == program && arguments.starts_with(&self.leading)
    }

    /// The entry as it is told to a model.
    pub(super) fn shown(&self) -> String {
        let words = std::iter::once(&self.name).chain(&self.leading);
        format!("`{}`", words.map(String::as_str).collect::<Vec<_>>().join(" "))
    }
}

fn locate(name: &str, search: &[PathBuf], workspace: &Path) -> Result<PathBuf, CommandProblem> {
    if Path::new(name).is_absolute() {
        let path = PathBuf::from(name);
        return if is_program(&path) { Ok(path) } else { Err(CommandProblem::NotExecutable(path)) };
    }
    if name.contains('/') {
        return Err(CommandProblem::RelativePath(name.to_owned()));
    }
    let found = search.iter().map(|directory| directory.join(name)).find(|path| is_program(path));
    let path = found.ok_or_else(|| CommandProblem::NotFound(name.to_owned()))?;
    match resolved(&path) {
        Some(file) if !file.starts_with(workspace) => Ok(path),
        Some(_) => Err(CommandProblem::InsideWorkspace(path)),
        None => Err(CommandProblem::NotExecutable(path)),
    }
}

/// The directories of a PATH in which programs are looked for: those that exist, are absolute and lie outside of the
/// workspace, so that nothing written there can take the name of a program.
pub(super) fn search_path(path: Option<&std::ffi::OsStr>, workspace: &Path) -> Vec<PathBuf> {
    let given = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".as_ref());
    std::env::split_paths(given)
        .filter(|directory| directory.is_absolute())
        .filter(|directory| resolved(directory).is_some_and(|directory| !directory.starts_with(workspace)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(path: &Path) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    struct Place {
        _temp: tempfile::TempDir,
        bin: PathBuf,
        workspace: PathBuf,
    }

    fn place() -> Place {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let (bin, workspace) = (root.join("bin"), root.join("workspace"));
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&workspace).unwrap();
        program(&bin.join("tool"));
        program(&workspace.join("own"));
        fs::write(bin.join("text"), "no program").unwrap();
        fs::create_dir(bin.join("directory")).unwrap();
        symlink(workspace.join("own"), bin.join("into")).unwrap();
        symlink(root.join("gone"), bin.join("dangling")).unwrap();
        Place { _temp: temp, bin, workspace }
    }

    #[test]
    fn entries_are_found_once_or_refused_with_the_reason() {
        let place = place();
        let search = [place.bin.clone()];
        let own = place.workspace.join("own");
        let text = place.bin.join("text");
        let find = |entry: &str| AllowedCommand::find(entry, &search, &place.workspace).map(|found| found.program);
        assert_eq!(find("tool"), Ok(place.bin.join("tool")));
        assert_eq!(find("  tool  first second "), Ok(place.bin.join("tool")));
        assert_eq!(find(own.to_str().unwrap()), Ok(own));
        let refused = [
            ("", CommandProblem::Empty),
            (" \t", CommandProblem::Empty),
            ("tool 'a b'", CommandProblem::ShellSyntax('\'')),
            ("tool | tool", CommandProblem::ShellSyntax('|')),
            ("./tool", CommandProblem::RelativePath("./tool".into())),
            ("bin/tool", CommandProblem::RelativePath("bin/tool".into())),
            ("none", CommandProblem::NotFound("none".into())),
            ("text", CommandProblem::NotFound("text".into())),
            ("directory", CommandProblem::NotFound("directory".into())),
            ("dangling", CommandProblem::NotFound("dangling".into())),
            ("own", CommandProblem::NotFound("own".into())),
            ("into", CommandProblem::InsideWorkspace(place.bin.join("into"))),
            (text.to_str().unwrap(), CommandProblem::NotExecutable(text.clone())),
            ("/none", CommandProblem::NotExecutable("/none".into())),
        ];
        for (entry, problem) in refused {
            assert_eq!(find(entry), Err(problem), "{entry:?}");
        }
    }

    #[test]
    fn a_call_begins_as_its_entry_does() {
        let place = place();
        let entry = AllowedCommand::find("tool status", &[place.bin], &place.workspace).unwrap();
        let permits = |program: &str, arguments: &[&str]| {
            entry.permits(program, &arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
        };
        assert!(permits("tool", &["status"]) && permits("tool", &["status", "--short"]));
        assert!(!permits("tool", &[]) && !permits("tool", &["push"]) && !permits("tool", &["-c", "status"]));
        assert!(!permits("tool ", &["status"]) && !permits("TOOL", &["status"]) && !permits("other", &["status"]));
        assert_eq!(entry.shown(), "`tool status`");
    }

    #[test]
    fn programs_are_not_looked_for_where_sessions_write() {
        let place = place();
        symlink(&place.workspace, place.bin.join("link")).unwrap();
        let path = std::env::join_paths([
            PathBuf::from("relative"),
            PathBuf::new(),
            place.workspace.clone(),
            place.bin.join("link"),
            place.bin.join("none"),
            place.bin.clone(),
        ]);
        assert_eq!(search_path(Some(&path.unwrap()), &place.workspace), [place.bin]);
        assert!(search_path(None, &place.workspace).contains(&PathBuf::from("/usr/bin")));
    }
}
