// What the registry that serves the client decides. In the served file the registry writes its own
// object in place of this module; these values are for pages that load the modules as they are.

export const registry = {
    version: '2.1.12',
    templates: {
        'oc-template-handlebars': {
            externals: [
                {
                    global: 'Handlebars',
                    url: 'https://cdnjs.cloudflare.com/ajax/libs/handlebars.js/4.7.7/handlebars.runtime.min.js',
                },
            ],
        },
        'oc-template-jade': {
            externals: [
                {
                    global: 'jade',
                    url: 'https://cdnjs.cloudflare.com/ajax/libs/jade/1.11.0/runtime.min.js',
                },
            ],
        },
        'oc-template-es6': { externals: [] },
    },
    externals: [],
    imports: {},
    retryLimit: 30,
    retryInterval: 5000,
    disableLoader: false,
    disableLegacyTemplates: false,
};
