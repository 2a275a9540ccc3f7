// The client of a page: `window.oc` and `<oc-component>`.

import { build } from './build.js';
import { readConf } from './conf.js';
import { getAction, getData } from './data.js';
import { defineElement } from './element.js';
import { createEvents } from './events.js';
import { renderByHref } from './href.js';
import { Loader } from './loader.js';
import { oc } from './namespace.js';
import { load, renderNestedComponent, renderUnloadedComponents } from './nested.js';
import { ready } from './ready.js';
import { registry } from './registry.js';
import { require, requireSeries } from './require.js';
import { addStylesToHead } from './styles.js';
import { readTemplates, registerTemplates } from './templates.js';
import { render } from './view.js';

// A page may hold the client more than once; the first one works.
if (!oc.status) {
    startClient();
}

function startClient() {
    oc.status = 'loading';
    oc.cmd ??= [];
    oc.renderedComponents ??= {};
    oc.clientVersion = registry.version;
    readConf();
    readTemplates();
    window.ljs = new Loader();
    Object.assign(oc, {
        addStylesToHead,
        build,
        events: createEvents(),
        getAction,
        getData,
        load,
        ready,
        registerTemplates,
        render,
        renderByHref,
        renderNestedComponent,
        renderUnloadedComponents: () => renderUnloadedComponents(),
        require,
        requireSeries,
    });
    oc.ready(() => oc.renderUnloadedComponents());
    defineElement();
}
