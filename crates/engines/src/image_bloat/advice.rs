//! What the commands that built an image suggest.

use facts::cluster::{BuildStep, Image};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ImagePolicy;

/// Something that can be done about an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// What kind.
    pub kind: AdviceKind,
    /// What to do.
    pub what: String,
    /// Compressed bytes of the layer that it is about: at most so much can go. `null` where the
    /// sizes of layers are not known.
    pub at_most_bytes: Option<i64>,
    /// The command that suggests it, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Kinds of advice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AdviceKind {
    /// Compilers and headers are in the last stage.
    MultiStageBuild,
    /// A smaller variant of the base exists.
    SlimBase,
    /// A package manager's cache stays in the layer.
    CleanCaches,
    /// The whole folder is copied.
    DockerIgnore,
    /// A change of owner or mode writes every file again.
    OwnershipInCopy,
    /// An archive is added.
    FetchAndUnpack,
    /// Many small layers.
    FewerLayers,
    /// Later layers write or delete what earlier ones wrote.
    RemoveInSameLayer,
    /// Its processes run as root.
    DropRoot,
}

/// Words of packages that are for building only.
const BUILD_TOOLS: [&str; 12] = [
    "build-essential",
    "gcc",
    "g++",
    "make",
    "cmake",
    "autoconf",
    "automake",
    "patch",
    "-dev",
    "-devel",
    "cargo",
    "maven",
];

/// Official images with a smaller variant of the same name and `-slim`
/// (<https://github.com/docker-library/official-images>).
const WITH_SLIM: [&str; 7] = ["debian", "node", "perl", "pypy", "python", "ruby", "rust"];

/// What the commands of an image suggest, most bytes first.
pub(super) fn advice(image: &Image, policy: &ImagePolicy) -> Vec<Advice> {
    let mut found = Vec::new();
    for step in image.history.iter().filter(|step| !step.empty) {
        let bytes = step.compressed_bytes.or(step.file_bytes);
        if bytes.is_some_and(|bytes| (bytes as f64) < policy.layer_threshold_mb * 1e6) {
            continue;
        }
        if let Some((kind, what)) = of_command(&step.command) {
            found.push(Advice {
                kind,
                what: what.to_owned(),
                at_most_bytes: bytes,
                command: Some(shortened(step)),
            });
        }
    }
    if let Some(name) = slim_variant(image) {
        found.push(Advice {
            kind: AdviceKind::SlimBase,
            what: format!(
                "build from {name}: the same system without compilers and manuals (Alpine would be \
                 smaller still, but its C library is another one)"
            ),
            at_most_bytes: None,
            command: None,
        });
    }
    let layers = image.history.iter().filter(|step| !step.empty).count() as u64;
    if layers > policy.max_layers {
        found.push(Advice {
            kind: AdviceKind::FewerLayers,
            what: format!(
                "{layers} layers have content; put commands that belong together into one"
            ),
            at_most_bytes: None,
            command: None,
        });
    }
    let hidden = image.contents.as_ref().map_or(0, |one| one.overwritten_bytes + one.deleted_bytes);
    if let Some(contents) = image.contents.as_ref().filter(|_| hidden > 0) {
        let worst = contents.wasted.first().map(|path| format!(", most in {}", path.path));
        found.push(Advice {
            kind: AdviceKind::RemoveInSameLayer,
            what: format!(
                "{} bytes are written again or deleted by a later layer{}; do it in the same command",
                hidden,
                worst.unwrap_or_default()
            ),
            at_most_bytes: Some(hidden),
            command: None,
        });
    }
    if image.user.as_deref().is_some_and(|user| matches!(user, "" | "0" | "root")) {
        found.push(Advice {
            kind: AdviceKind::DropRoot,
            what: "it runs as root; `USER` costs nothing".to_owned(),
            at_most_bytes: Some(0),
            command: None,
        });
    }
    found.sort_by(|a, b| {
        (std::cmp::Reverse(a.at_most_bytes), a.kind)
            .cmp(&(std::cmp::Reverse(b.at_most_bytes), b.kind))
    });
    found
}

/// The smaller variant of an official image that is used as it is.
fn slim_variant(image: &Image) -> Option<String> {
    image.names.iter().find_map(|name| {
        let (repository, tag) = name.rsplit_once(':')?;
        let base = repository.rsplit('/').next()?;
        let official = repository == base
            || repository == format!("library/{base}")
            || repository == format!("docker.io/library/{base}");
        let plain = !tag.contains("slim") && !tag.contains("alpine") && !tag.contains('@');
        let known = official && plain && WITH_SLIM.contains(&base) && !name.contains('@');
        known.then(|| format!("{base}:{tag}-slim"))
    })
}

/// What a command suggests, the most telling thing first.
fn of_command(command: &str) -> Option<(AdviceKind, &'static str)> {
    let has = |word: &str| command.contains(word);
    let installs = ["apt-get install", "apt install", "apk add", "yum install", "dnf install"];
    let installing = installs.iter().any(|word| has(word));
    if installing && BUILD_TOOLS.iter().any(|tool| words(command).any(|word| is_tool(word, tool))) {
        return Some((
            AdviceKind::MultiStageBuild,
            "compilers or headers are installed: build in one stage and copy the result into another",
        ));
    }
    let caches = [
        ("apt-get install", "/var/lib/apt/lists", "remove /var/lib/apt/lists in the same command"),
        ("apk add", "--no-cache", "use `apk add --no-cache`"),
        ("pip install", "--no-cache-dir", "use `pip install --no-cache-dir`"),
        ("npm install", "npm cache clean", "use `npm ci --omit=dev` and clean its cache"),
        ("npm ci", "npm cache clean", "use `npm ci --omit=dev` and clean its cache"),
        ("yum install", "clean all", "run `yum clean all` in the same command"),
        ("dnf install", "clean all", "run `dnf clean all` in the same command"),
    ];
    for (installs, cleans, what) in caches {
        if has(installs) && !has(cleans) && !has("--mount=type=cache") {
            return Some((AdviceKind::CleanCaches, what));
        }
    }
    if has("chown -R") || has("chmod -R") {
        return Some((
            AdviceKind::OwnershipInCopy,
            "changing owner or mode writes every file again: use `COPY --chown` or `--chmod`",
        ));
    }
    let copies = command.trim_start_matches("/bin/sh -c #(nop) ").trim_start();
    if ["COPY . ", "COPY dir:", "ADD . ", "ADD dir:"].iter().any(|start| copies.starts_with(start))
    {
        return Some((
            AdviceKind::DockerIgnore,
            "a whole folder is copied: keep what is not needed out of it with .dockerignore",
        ));
    }
    let archive = [".tar", ".tgz", ".zip"].iter().any(|end| has(end));
    if copies.starts_with("ADD ") && archive {
        return Some((
            AdviceKind::FetchAndUnpack,
            "an archive is added: fetch, unpack and delete it in one command",
        ));
    }
    None
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    command.split(|letter: char| letter.is_whitespace() || matches!(letter, ';' | '&' | '|'))
}

/// A package's own word: `gcc`, and `libssl-dev` for `-dev`.
fn is_tool(word: &str, tool: &str) -> bool {
    word == tool || (tool.starts_with('-') && word.ends_with(tool) && !word.starts_with('-'))
}

fn shortened(step: &BuildStep) -> String {
    let text: String = step.command.chars().take(160).collect();
    if text.len() < step.command.len() { format!("{text}…") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_suggest_what_they_should() {
        let check = |command: &str, expected: Option<AdviceKind>| {
            assert_eq!(of_command(command).map(|(kind, _)| kind), expected, "{command}");
        };
        let lists = "rm -rf /var/lib/apt/lists/*";
        check(
            &format!("RUN apt-get update; apt-get install -y gcc libssl-dev; {lists}"),
            Some(AdviceKind::MultiStageBuild),
        );
        check("RUN apt-get install -y curl", Some(AdviceKind::CleanCaches));
        check(&format!("RUN apt-get install -y curl; {lists}"), None);
        check("RUN pip install -r requirements.txt", Some(AdviceKind::CleanCaches));
        check("RUN pip install --no-cache-dir -r requirements.txt", None);
        check("/bin/sh -c #(nop) COPY dir:abc in /app", Some(AdviceKind::DockerIgnore));
        check("RUN chown -R app /app", Some(AdviceKind::OwnershipInCopy));
        check("ADD model.tar.gz /models", Some(AdviceKind::FetchAndUnpack));
        check("ADD file:abc in /", None);
        check("CMD [\"bash\"]", None);
        // A word inside of another is none.
        check(&format!("RUN apt-get install -y gccgo-docs cmake-format; {lists}"), None);
    }
}
