// Requests to a registry, and what it answers.

import { decodeStream } from './stream.js';

// The body of an answer, whatever its status: failures are JSON too.
export async function bodyOf(response) {
    const type = response.headers.get('Content-Type') ?? '';
    return type.startsWith('x-text/stream') ? decodeStream(response.body) : response.json();
}

// An `Error` from the `error` or `details` of an answer, with all that is told in them.
export function errorFrom(told) {
    const error = new Error(told.message ?? told);
    if (told.stack) {
        error.stack = told.stack;
    }
    return typeof told === 'object' ? Object.assign(error, told.originalError, told) : error;
}

export function withQuery(href, parameters) {
    const query = new URLSearchParams(parameters).toString();
    if (query === '') {
        return href;
    }
    return `${href}${href.includes('?') ? '&' : '?'}${query}`;
}
