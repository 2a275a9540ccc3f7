//! The packs that can be installed: every file pinned by its package's version and integrity.

use super::{ExternalSpec, FileSpec, HANDLEBARS, JADE, NpmPackage, PackSpec};

/// Module of ours for views that register what a framework renders.
const COMPONENT: &[(&str, &str)] = &[("ochre/component", include_str!("js/component.js"))];

static HANDLEBARS_NPM: NpmPackage = NpmPackage {
    name: "handlebars",
    version: "4.7.9",
    integrity: "sha512-4E71E0rpOaQuJR2A3xDZ+GM1HyWYv1clR58tC8emQNeQe3RH7MAzSbat+V0wG78LQBo6m6bzSG/L4pBuCsgnUQ==",
};
static HANDLEBARS_RUNTIME: FileSpec = FileSpec {
    package: &HANDLEBARS_NPM,
    path: "dist/handlebars.runtime.min.js",
    module: Some("handlebars"),
};

static JADE_NPM: NpmPackage = NpmPackage {
    name: "oc-jade-legacy",
    version: "1.11.1",
    integrity: "sha512-LTLltjUNdzb0Lp051VJ6j9tPuwP1/5yH2ScUNlo1XiADNtVeNKb34arPLKXxBPDPjxfEQSoUzdMNrPRUHUXSEA==",
};
static JADE_RUNTIME: FileSpec = FileSpec {
    package: &JADE_NPM,
    path: "runtime.js",
    module: Some("jade"),
};

static REACT_NPM: NpmPackage = NpmPackage {
    name: "react",
    version: "18.3.1",
    integrity: "sha512-wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==",
};
static REACT_DOM_NPM: NpmPackage = NpmPackage {
    name: "react-dom",
    version: "18.3.1",
    integrity: "sha512-5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
};
static REACT: FileSpec = react(&REACT_NPM);
static REACT_DOM: FileSpec = react_dom(&REACT_DOM_NPM);
static REACT_SERVER: FileSpec = react_server(&REACT_DOM_NPM);

/// The React that `oc-template-typescript-react` uses.
static REACT_18_2_NPM: NpmPackage = NpmPackage {
    name: "react",
    version: "18.2.0",
    integrity: "sha512-/3IjMdb2L9QbBdWiW5e3P2/npwMBaU9mHCSCUzNln0ZCYbcfTsGbTJrU/kGemdH2IWmB2ioZ+zkxtmq6g09fGQ==",
};
static REACT_DOM_18_2_NPM: NpmPackage = NpmPackage {
    name: "react-dom",
    version: "18.2.0",
    integrity: "sha512-6IMTriUmvsjHUjNtEDudZfuDQUoWXVxKHhlEGSk81n4YFS+r/Kl99wXiwlVXtPBtJenozv2P+hxDsw9eA7Xo6g==",
};
static REACT_18_2: FileSpec = react(&REACT_18_2_NPM);
static REACT_DOM_18_2: FileSpec = react_dom(&REACT_DOM_18_2_NPM);
static REACT_SERVER_18_2: FileSpec = react_server(&REACT_DOM_18_2_NPM);

/// Packs that can be installed, in the order in which they are told: OC's own types first.
pub const PACKS: &[PackSpec] = &[
    PackSpec {
        template_type: JADE,
        template_version: "7.0.6",
        files: &[&JADE_RUNTIME],
        externals: &[ExternalSpec {
            global: "jade",
            paths: &[],
            name: "jade",
            url: "https://unpkg.com/oc-jade-legacy@1.11.1/runtime.js",
            file: &JADE_RUNTIME,
        }],
        adapter: include_str!("js/jade.js"),
        modules: &[],
    },
    PackSpec {
        template_type: HANDLEBARS,
        template_version: "6.0.26",
        files: &[&HANDLEBARS_RUNTIME],
        externals: &[ExternalSpec {
            global: "Handlebars",
            paths: &[],
            name: "handlebars",
            url: "https://unpkg.com/handlebars@4.7.7/dist/handlebars.runtime.min.js",
            file: &HANDLEBARS_RUNTIME,
        }],
        adapter: include_str!("js/handlebars.js"),
        modules: &[],
    },
    PackSpec {
        template_type: "oc-template-react",
        template_version: "4.2.0",
        files: &[&REACT, &REACT_DOM, &REACT_SERVER],
        externals: &[
            ExternalSpec {
                global: "React",
                paths: &[],
                name: "react",
                url: "https://unpkg.com/react@18.3.1/umd/react.production.min.js",
                file: &REACT,
            },
            ExternalSpec {
                global: "ReactDOM",
                paths: &["client"],
                name: "react-dom",
                url: "https://unpkg.com/react-dom@18.3.1/umd/react-dom.production.min.js",
                file: &REACT_DOM,
            },
        ],
        adapter: include_str!("js/react.js"),
        modules: COMPONENT,
    },
    PackSpec {
        template_type: "oc-template-typescript-react",
        template_version: "4.1.0",
        files: &[&REACT_18_2, &REACT_DOM_18_2, &REACT_SERVER_18_2],
        externals: &[
            ExternalSpec {
                global: "React",
                paths: &[],
                name: "react",
                url: "https://unpkg.com/react@18.2.0/umd/react.production.min.js",
                file: &REACT_18_2,
            },
            ExternalSpec {
                global: "ReactDOM",
                paths: &[],
                name: "react-dom",
                url: "https://unpkg.com/react-dom@18.2.0/umd/react-dom.production.min.js",
                file: &REACT_DOM_18_2,
            },
        ],
        adapter: include_str!("js/typescript-react.js"),
        modules: COMPONENT,
    },
];

const fn react(package: &'static NpmPackage) -> FileSpec {
    FileSpec {
        package,
        path: "umd/react.production.min.js",
        module: Some("react"),
    }
}

const fn react_dom(package: &'static NpmPackage) -> FileSpec {
    FileSpec {
        package,
        path: "umd/react-dom.production.min.js",
        module: Some("react-dom"),
    }
}

const fn react_server(package: &'static NpmPackage) -> FileSpec {
    FileSpec {
        package,
        path: "umd/react-dom-server-legacy.browser.production.min.js",
        module: Some("react-dom/server"),
    }
}
