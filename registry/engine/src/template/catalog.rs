//! The packs that can be installed: every file pinned by its package's version and integrity.

use super::{ExternalSpec, FileSpec, HANDLEBARS, JADE, NpmPackage, PackSpec};

/// Modules of ours for views of Vue.
const VUE_MODULES: &[(&str, &str)] = &[
    ("ochre/component", include_str!("js/component.js")),
    ("@vue/compiler-ssr", include_str!("js/vue-compiler.js")),
];

/// Modules of ours for views that fill a page.
const PAGE: &[(&str, &str)] = &[
    ("ochre/component", include_str!("js/component.js")),
    ("ochre/dom/tree", include_str!("js/dom/tree.js")),
    ("ochre/dom/markup", include_str!("js/dom/markup.js")),
    ("ochre/dom/style", include_str!("js/dom/style.js")),
    ("ochre/dom/element", include_str!("js/dom/element.js")),
    ("ochre/dom/page", include_str!("js/dom/page.js")),
];

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

static PREACT_NPM: NpmPackage = NpmPackage {
    name: "preact",
    version: "10.29.8",
    integrity: "sha512-ej2aVZ+vZ8WO7tvlQWRM9N63A0KzF9q4mWJfDUHgYaIofWY9hu74QdnQrjoPMmZi2/nZ5gN0bJCQF49xQqx09Q==",
};
static PREACT_SERVER_NPM: NpmPackage = NpmPackage {
    name: "preact-render-to-string",
    version: "6.8.2",
    integrity: "sha512-Hdx7cKD3AMYgt795TdddBpUbuGEFoL/VeA6s7VrBt9Gjt0r6rCy5wMp5xkDjQ9cbKj62frHsEx1x8yV6EjoOpg==",
};
static PREACT: FileSpec = FileSpec {
    package: &PREACT_NPM,
    path: "dist/preact.min.js",
    module: Some("preact"),
};
static PREACT_SERVER: FileSpec = FileSpec {
    package: &PREACT_SERVER_NPM,
    path: "dist/commonjs.js",
    module: Some("preact-render-to-string"),
};

static VUE_NPM: NpmPackage = NpmPackage {
    name: "vue",
    version: "3.4.3",
    integrity: "sha512-GjN+culMAGv/mUbkIv8zMKItno8npcj5gWlXkSxf1SPTQf8eJ4A+YfHIvQFyL1IfuJcMl3soA7SmN1fRxbf/wA==",
};
static VUE_SHARED_NPM: NpmPackage = NpmPackage {
    name: "@vue/shared",
    version: "3.4.3",
    integrity: "sha512-rIwlkkP1n4uKrRzivAKPZIEkHiuwY5mmhMJ2nZKCBLz8lTUlE73rQh4n1OnnMurXt1vcUNyH4ZPfdh8QweTjpQ==",
};
static VUE_REACTIVITY_NPM: NpmPackage = NpmPackage {
    name: "@vue/reactivity",
    version: "3.4.3",
    integrity: "sha512-q5f9HLDU+5aBKizXHAx0w4whkIANs1Muiq9R5YXm0HtorSlflqv9u/ohaMxuuhHWCji4xqpQ1eL04WvmAmGnFg==",
};
static VUE_CORE_NPM: NpmPackage = NpmPackage {
    name: "@vue/runtime-core",
    version: "3.4.3",
    integrity: "sha512-C1r6QhB1qY7D591RCSFhMULyzL9CuyrGc+3PpB0h7dU4Qqw6GNyo4BNFjHZVvsWncrUlKX3DIKg0Y7rNNr06NQ==",
};
static VUE_DOM_NPM: NpmPackage = NpmPackage {
    name: "@vue/runtime-dom",
    version: "3.4.3",
    integrity: "sha512-wrsprg7An5Ec+EhPngWdPuzkp0BEUxAKaQtN9dPU/iZctPyD9aaXmVtehPJerdQxQale6gEnhpnfywNw3zOv2A==",
};
static VUE_SERVER_NPM: NpmPackage = NpmPackage {
    name: "@vue/server-renderer",
    version: "3.4.3",
    integrity: "sha512-BUxt8oVGMKKsqSkM1uU3d3Houyfy4WAc2SpSQRebNd+XJGATVkW/rO129jkyL+kpB/2VRKzE63zwf5RtJ3XuZw==",
};
/// What browsers load; it renders nothing on a server.
static VUE_BROWSER: FileSpec = FileSpec {
    package: &VUE_NPM,
    path: "dist/vue.global.prod.js",
    module: None,
};
static VUE_SHARED: FileSpec = FileSpec {
    package: &VUE_SHARED_NPM,
    path: "dist/shared.cjs.prod.js",
    module: Some("@vue/shared"),
};
static VUE_REACTIVITY: FileSpec = FileSpec {
    package: &VUE_REACTIVITY_NPM,
    path: "dist/reactivity.cjs.prod.js",
    module: Some("@vue/reactivity"),
};
static VUE_CORE: FileSpec = FileSpec {
    package: &VUE_CORE_NPM,
    path: "dist/runtime-core.cjs.prod.js",
    module: Some("@vue/runtime-core"),
};
/// Vue without its compiler of templates.
static VUE_DOM: FileSpec = FileSpec {
    package: &VUE_DOM_NPM,
    path: "dist/runtime-dom.cjs.prod.js",
    module: Some("vue"),
};
static VUE_SERVER: FileSpec = FileSpec {
    package: &VUE_SERVER_NPM,
    path: "dist/server-renderer.cjs.prod.js",
    module: Some("@vue/server-renderer"),
};

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
    PackSpec {
        template_type: "oc-template-preact",
        template_version: "0.1.1",
        files: &[&PREACT, &PREACT_SERVER],
        externals: &[],
        adapter: include_str!("js/preact.js"),
        modules: COMPONENT,
    },
    PackSpec {
        template_type: "oc-template-vue",
        template_version: "0.1.0",
        files: &[
            &VUE_SHARED,
            &VUE_REACTIVITY,
            &VUE_CORE,
            &VUE_DOM,
            &VUE_SERVER,
            &VUE_BROWSER,
        ],
        externals: &[ExternalSpec {
            global: "Vue",
            paths: &[],
            name: "vue",
            url: "https://unpkg.com/vue@3.4.3/dist/vue.global.prod.js",
            file: &VUE_BROWSER,
        }],
        adapter: include_str!("js/vue.js"),
        modules: VUE_MODULES,
    },
    PackSpec {
        template_type: "oc-template-solid",
        template_version: "0.1.4",
        files: &[],
        externals: &[],
        adapter: include_str!("js/solid.js"),
        modules: PAGE,
    },
    unrendered("oc-template-svelte", "0.0.2"),
    unrendered("oc-template-esm", "0.0.1"),
];

/// A type whose views only browsers render.
const fn unrendered(template_type: &'static str, template_version: &'static str) -> PackSpec {
    PackSpec {
        template_type,
        template_version,
        files: &[],
        externals: &[],
        adapter: include_str!("js/unrendered.js"),
        modules: &[],
    }
}

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
