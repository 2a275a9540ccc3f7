//! Values that can be read and cannot work.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use bytesize::ByteSize;
use ochre_model::ComponentName;
use ochre_package::Limits as PackageLimits;
use ochre_store::StoreSettings;

use super::{CorsSettings, EngineSettings, RenderSettings, Settings};

/// Longest package that a release object can hold and be read from again.
const UNPACKED_MAX: ByteSize = ByteSize::mib(400);

/// Most threads of one kind.
const THREADS_MAX: usize = 512;

/// Less heap than this and no component of the samples is rendered.
const MEMORY_MIN: ByteSize = ByteSize::mib(1);

/// Less stack than this and nothing is evaluated.
const STACK_MIN: ByteSize = ByteSize::kib(64);

// === impl Settings ===

impl Settings {
    /// Every value that cannot work, each with its key, the value and what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.storage.validate();
        let origin = self.origin.iter().flat_map(StoreSettings::validate);
        problems.extend(origin.map(|problem| problem.replace("storage.", "origin.")));
        problems.extend(self.origin_itself());
        problems.extend(self.http.problems());
        problems.extend(self.sync.validate());
        problems.extend(self.redis.validate());
        problems.extend(self.events.problems());
        problems.extend(self.auth.problems());
        problems.extend(self.fallback.problems());
        problems.extend(self.client.problems());
        problems.extend(self.preview.problems());
        problems.extend(self.none());
        problems.extend(self.too_many_threads());
        problems.extend(archive(&self.publish.archive));
        problems.extend(self.templates.problems());
        problems.extend(self.no_time());
        problems.extend(engine(&self.engine));
        problems.extend(cors(&self.cors));
        problems.extend(render(&self.render));
        problems
    }

    fn origin_itself(&self) -> Option<String> {
        let origin = self.origin.as_ref()?;
        let is_itself =
            origin.place() == self.storage.place() && origin.endpoint == self.storage.endpoint;
        is_itself.then(|| {
            "`origin` is the store of `storage` itself: give the store that it is a replica of, or \
             no `[origin]`"
                .into()
        })
    }

    fn none(&self) -> Vec<String> {
        zeros([
            ("http.batch_max", self.http.batch_max),
            ("http.batch_concurrency", self.http.batch_concurrency),
            ("http.connections_max", self.http.connections_max),
            ("cache.loads", self.cache.loads),
            ("publish.concurrency", self.publish.concurrency),
            ("publish.uploads_max", self.publish.uploads_max),
            ("render.nesting_max", self.render.nesting_max),
            (
                "render.component_concurrency",
                self.render.component_concurrency,
            ),
        ])
    }

    fn too_many_threads(&self) -> Vec<String> {
        [
            ("http.workers", self.http.workers),
            ("engine.quickjs.threads", self.engine.quickjs.threads),
            ("engine.node.workers", self.engine.node.workers),
        ]
        .into_iter()
        .filter(|(_, value)| *value > THREADS_MAX)
        .map(|(key, value)| format!("`{key}` is {value}: give at most {THREADS_MAX}"))
        .collect()
    }

    fn no_time(&self) -> Vec<String> {
        [
            ("tasks.reconcile_interval", self.tasks.reconcile_interval),
            ("engine.deadline", self.engine.deadline),
            ("engine.cpu_slice", self.engine.cpu_slice),
            ("http.header_timeout", self.http.header_timeout),
            ("http.body_timeout", self.http.body_timeout),
            ("http.write_timeout", self.http.write_timeout),
            ("http.batch_deadline", self.http.batch_deadline),
        ]
        .into_iter()
        .filter(|(_, value)| *value == Duration::ZERO)
        .map(|(key, _)| format!("`{key}` is 0: give a duration such as \"5s\""))
        .collect()
    }
}

fn zeros<const N: usize>(values: [(&str, usize); N]) -> Vec<String> {
    values
        .into_iter()
        .filter(|(_, value)| *value == 0)
        .map(|(key, _)| format!("`{key}` is 0: give at least 1"))
        .collect()
}

fn archive(limits: &PackageLimits) -> Vec<String> {
    let mut problems = zeros([
        ("publish.archive.entries", limits.entries),
        ("publish.archive.path_bytes", limits.path_bytes),
        ("publish.archive.path_depth", limits.path_depth),
    ]);
    if limits.ratio == 0 {
        problems.push("`publish.archive.ratio` is 0: give at least 1".into());
    }
    if limits.unpacked > UNPACKED_MAX {
        problems.push(format!(
            "`publish.archive.unpacked` is {}: give at most {UNPACKED_MAX}",
            limits.unpacked
        ));
    }
    problems
}

fn engine(engine: &EngineSettings) -> Vec<String> {
    [
        ("engine.memory", engine.memory, MEMORY_MIN),
        ("engine.stack", engine.stack, STACK_MIN),
    ]
    .into_iter()
    .filter(|(_, value, least)| value < least)
    .map(|(key, value, least)| format!("`{key}` is {value}: give at least {least}"))
    .collect()
}

/// Origins are compared with the header as it comes, letter by letter: one that no browser sends
/// would be passed over in silence.
fn cors(cors: &CorsSettings) -> Vec<String> {
    let mut problems = Vec::new();
    let any = cors.origins.iter().any(|origin| origin == "*");
    if any && cors.origins.len() > 1 {
        problems.push(
            "`cors.origins` holds \"*\" beside others: give \"*\" alone, or only names".into(),
        );
    }
    let unsendable = cors.origins.iter().filter(|origin| !is_origin(origin));
    problems.extend(unsendable.map(|origin| {
        format!(
            "`cors.origins` holds {origin:?}: give an origin as browsers send it, such as \
             \"https://www.example.com\", without a path or a slash at the end"
        )
    }));
    problems.extend(header_names("cors.headers", &cors.headers));
    problems
}

fn is_origin(text: &str) -> bool {
    text == "*"
        || url::Url::parse(text).is_ok_and(|url| {
            // Schemes of applications have opaque origins, which the crate does not spell out.
            url.has_host()
                && !text.ends_with('/')
                && url.as_str().trim_end_matches('/') == text
                && matches!(url.path(), "" | "/")
        })
}

fn render(render: &RenderSettings) -> Vec<String> {
    let unknowable = render
        .components
        .iter()
        .filter(|name| name.parse::<ComponentName>().is_err());
    let mut problems: Vec<String> = unknowable
        .map(|name| format!("`render.components` holds {name:?}: no component can have that name"))
        .collect();
    for (key, names) in [
        (
            "render.skip_headers_on_weak_version",
            &render.skip_headers_on_weak_version,
        ),
        ("render.withheld_headers", &render.withheld_headers),
    ] {
        problems.extend(header_names(key, names));
    }
    problems
}

fn header_names(key: &str, names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| name.parse::<HeaderName>().is_err())
        .map(|name| format!("`{key}` holds {name:?}: give the name of a header"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(toml: &str) -> Vec<String> {
        toml::from_str::<Settings>(toml).unwrap().problems()
    }

    #[test]
    fn nothing_is_wrong_with_the_defaults() {
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn what_could_never_match_is_refused_with_its_key() {
        for (toml, key) in [
            ("[cors]\norigins = [\"not an origin\"]", "cors.origins"),
            ("[cors]\norigins = [\"https://a.example/\"]", "cors.origins"),
            ("[cors]\norigins = [\"https://A.example\"]", "cors.origins"),
            (
                "[cors]\norigins = [\"https://a.example:443\"]",
                "cors.origins",
            ),
            (
                "[cors]\norigins = [\"https://a.example/x\"]",
                "cors.origins",
            ),
            (
                "[cors]\norigins = [\"*\", \"https://a.example\"]",
                "cors.origins",
            ),
            ("[cors]\nheaders = [\"a b\"]", "cors.headers"),
            ("[render]\ncomponents = [\"A B\"]", "render.components"),
            (
                "[render]\nwithheld_headers = [\"a b\"]",
                "render.withheld_headers",
            ),
            ("[publish.archive]\nentries = 0", "publish.archive.entries"),
            ("[publish.archive]\nratio = 0", "publish.archive.ratio"),
            ("[engine]\nmemory = \"1B\"", "engine.memory"),
            ("[engine]\nstack = \"1B\"", "engine.stack"),
            ("[http]\nbody_timeout = \"0s\"", "http.body_timeout"),
            ("[http]\nprefix = \"/{name}/\"", "http.prefix"),
            ("[http]\nprefix = \"/../\"", "http.prefix"),
            ("[http]\nprefix = \"/a b/\"", "http.prefix"),
            ("[http]\nprefix = \"//\"", "http.prefix"),
            ("[http]\nprefix = \"/a?b/\"", "http.prefix"),
            ("[origin]\npath = \"./ochre-data\"", "`origin`"),
        ] {
            let found = problems(toml);

            assert_eq!(found.len(), 1, "{toml}: {found:?}");
            assert!(found[0].contains(key), "{toml}: {found:?}");
        }
    }

    #[test]
    fn origins_as_browsers_send_them_are_taken() {
        for origin in [
            "https://a.example",
            "http://localhost:3000",
            "http://[::1]:3000",
            "capacitor://localhost",
            "chrome-extension://abcdef",
        ] {
            let found = problems(&format!("[cors]\norigins = [{origin:?}]"));

            assert_eq!(found, Vec::<String>::new(), "{origin}");
        }
    }

    #[test]
    fn prefixes_of_several_parts_are_taken() {
        for prefix in ["/", "/v2/", "/~oc/a-b.c_d/"] {
            let found = problems(&format!("[http]\nprefix = {prefix:?}"));

            assert_eq!(found, Vec::<String>::new(), "{prefix}");
        }
    }
}
