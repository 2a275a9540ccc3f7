// `oc.render`: the compiled view of a component over its model.

import { oc } from './namespace.js';
import { mappedType, templateOf } from './templates.js';

// `callback(error, html)`; errors are text.
export function render(view, model, callback) {
    oc.ready(() => {
        if (model?.__oc_emptyResponse === true) {
            callback(null, '');
            return;
        }
        const type = mappedType(view.type);
        const template = templateOf(type);
        if (!template) {
            callback(`Error loading component: view engine "${view.type}" not supported`);
            return;
        }
        oc.require(['oc', 'components', view.key], view.src, (compiled) => {
            if (!compiled) {
                callback(`Error getting compiled view: ${view.src}`);
                return;
            }
            oc.requireSeries(template.externals ?? [], () => {
                const [error, html] = apply(compiled, type, model);
                callback(error, html);
            });
        });
    });
}

// [error] or [null, html]
function apply(compiled, type, model) {
    try {
        const isSpec = type === 'oc-template-handlebars' && typeof compiled !== 'function';
        const view = isSpec ? window.Handlebars.template(compiled) : compiled;
        return [null, view(model)];
    } catch (error) {
        return [String(error)];
    }
}
