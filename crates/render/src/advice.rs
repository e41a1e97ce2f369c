//! Advice that no machine can carry out, as a text for people.

use std::fmt::Write;

use serde_json::Value;

use crate::quoting::comment;
use crate::{Artefact, Origin};

/// Advice about images; nothing for other decisions.
pub(crate) fn artefacts(
    origin: &Origin,
    decision_type: &str,
    recommendations: &[Value],
) -> Option<Artefact> {
    if decision_type != "image_bloat" {
        return None;
    }
    let mut text = format!(
        "# Images\n\nDecision {}; make it anew after {}.\n",
        comment(&origin.decision_id),
        origin.valid_until
    );
    let mut any = false;
    for one in recommendations {
        let advice = one["advice"].as_array().map_or(&[][..], Vec::as_slice);
        if advice.is_empty() {
            continue;
        }
        any = true;
        // Writing into a string cannot fail.
        let _ =
            writeln!(text, "\n## {}\n", comment(one["subject"]["name"].as_str().unwrap_or("?")));
        sizes(&mut text, one);
        for part in advice {
            let size = Some(&part["at_most_bytes"]).filter(|bytes| **bytes != 0);
            let size = size.and_then(megabytes);
            let size = size.map_or_else(String::new, |size| format!(" (at most {size})"));
            let _ = writeln!(text, "- {}{size}", comment(part["what"].as_str().unwrap_or("")));
            if let Some(command) = part["command"].as_str() {
                let _ = writeln!(text, "  `{}`", comment(command).replace('`', "'"));
            }
            let command = part["command"].as_str().unwrap_or("");
            if let Some(example) = example(part["kind"].as_str().unwrap_or(""), command) {
                let _ = writeln!(text, "\n  ```dockerfile\n{example}  ```");
            }
        }
    }
    any.then(|| Artefact { name: "images.md".to_owned(), kind: "text".to_owned(), content: text })
}

/// Sizes before and after, as far as they are known: of what a pull moves, and of what lies on a disk.
fn sizes(text: &mut String, one: &Value) {
    let pairs = [
        ("Pulled", "compressed_bytes", "wasted_at_most_bytes", "at least "),
        ("On a node's disk", "size_bytes", "wasted_bytes", ""),
    ];
    for (what, all, waste, least) in pairs {
        let Some(now) = one[all].as_f64() else { continue };
        let _ = write!(text, "{what}: {:.1} MB now", now / 1e6);
        if let Some(waste) = one[waste].as_f64() {
            let _ = write!(text, ", {least}{:.1} MB afterwards", (now - waste).max(0.0) / 1e6);
        }
        text.push_str(".\n");
    }
    text.push('\n');
}

fn megabytes(value: &Value) -> Option<String> {
    value.as_f64().map(|bytes| format!("{:.1} MB", bytes / 1e6))
}

fn example(kind: &str, command: &str) -> Option<&'static str> {
    Some(match kind {
        "multi_stage_build" => {
            "  FROM base AS build\n  RUN …        # compilers live here\n  FROM base-slim\n  COPY --from=build /app /app\n"
        }
        // What other package managers take is said in words.
        "clean_caches" if command.contains("apt") => {
            "  RUN apt-get update && apt-get install -y --no-install-recommends … \\\n      && rm -rf /var/lib/apt/lists/*\n"
        }
        "slim_base" => "  FROM base:tag-slim\n",
        "fetch_and_unpack" => {
            "  RUN curl -fsSL … | tar -xz -C /opt    # no ADD: the archive stays in no layer\n"
        }
        "fewer_layers" | "remove_in_same_layer" => {
            "  RUN make … && make install && rm -rf /src    # one command, one layer\n"
        }
        "drop_root" => "  RUN useradd --system app\n  USER app\n",
        "ownership_in_copy" => "  COPY --chown=app:app . /app\n",
        "docker_ignore" => "  # .dockerignore\n  .git\n  node_modules\n  **/*.log\n",
        _ => return None,
    })
}
