// `window.oc`: what pages and components share with the client.
//
// Everything public is called through it (`oc.renderByHref`, not the function itself), so that a
// page can wrap or replace a part.

window.oc ??= {};

export const { oc } = window;

// A page's content security policy lets our scripts and styles in by the nonce of this one.
export const nonce = document.currentScript?.nonce;
